"""
An OpenID provider on loopback that does what it is told, also what no provider may.

In: what it says of people, and how it signs. Out: real HTTP: discovery, keys, codes, tokens.
Never: a code that counts twice, or one for who has not the verifier: it is a good one until told.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.integration.web.stage import FIELD, Browser

CLIENT, SECRET, PUBLIC = "soar-at-op", "s3cret-of-the-client", "https://soar.test"
Claims = dict[str, Any]


@cache
def key(kid: str = "one") -> RSAKey:
    """Return the key of a name, made once."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, private=True)


def signed(claims: Claims, by: RSAKey | None = None, **header: Any) -> str:
    """Return an id_token as a good provider signs it."""
    used = by or key()
    return jwt.encode({"alg": "RS256", "kid": used.kid, **header}, claims, used)


@dataclass
class Op:
    """The provider: what it says and does can be changed at any moment."""

    url: str = ""
    says: Claims = field(default_factory=dict)
    """Claims of the id_token that are added, changed or, with None, left out."""
    tells: Claims = field(default_factory=dict)
    """What userinfo says."""
    metadata: Claims = field(default_factory=dict)
    keys: list[RSAKey] = field(default_factory=lambda: [key()])
    sign: Callable[[Claims], Any] = signed
    signed_in: float = field(default_factory=lambda: time.time() - 60)
    asks_again: bool = True
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Paths with an answer of their own."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def document(self) -> Claims:
        """What discovery says."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            **self.metadata,
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Let whoever asks in, and return where their browser goes."""
        if asked.get("prompt") == "login" and self.asks_again:
            self.signed_in = time.time()
        code = token_urlsafe(16)
        self.codes[code] = asked
        return asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"]})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        """Give the tokens of a code, once, to who shows secret and verifier."""
        begun = self.codes.pop(form.get("code", ""), None)
        shown = b64decode(authorization.removeprefix("Basic ")).decode()
        digest = sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if begun is None or shown != f"{CLIENT}:{SECRET}":
            return 400, {"error": "invalid_grant"}
        good = begun["redirect_uri"] == form.get("redirect_uri")
        if not good or challenge != begun["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "an-access-token",
            "token_type": "Bearer",
            "id_token": self.sign(self.claims(begun["nonce"])),
        }

    def claims(self, nonce: str) -> Claims:
        """What an id_token says."""
        now = int(time.time())
        found: Claims = {
            "iss": self.url,
            "sub": "ada-there",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "auth_time": int(self.signed_in),
            **self.says,
        }
        return {name: value for name, value in found.items() if value is not None}


class _Handler(BaseHTTPRequestHandler):
    op: Op

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.op.asked.append((parts.path, asked))
        if parts.path in self.op.answers:
            self._answer(*self.op.answers[parts.path])
        elif parts.path == "/.well-known/openid-configuration":
            self._json(200, self.op.document())
        elif parts.path == "/keys":
            self._json(200, {"keys": [k.as_dict(private=False) for k in self.op.keys]})
        elif parts.path == "/userinfo":
            good = self.headers.get("Authorization") == "Bearer an-access-token"
            self._json(200 if good else 401, {"sub": "ada-there", **self.op.tells})
        elif parts.path == "/authorize":
            self._answer(302, b"", Location=self.op.authorize(asked))
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.op.asked.append((self.path, form))
        if self.path in self.op.answers:
            self._answer(*self.op.answers[self.path])
        else:
            self._json(*self.op.token(form, self.headers.get("Authorization", "")))

    def _json(self, status: int, document: Any) -> None:
        self._answer(status, json.dumps(document).encode())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[Op]:
    """A provider on a free port."""
    op = Op()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"op": op}))
    op.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield op
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=20)


def leave(mine: Browser, path: str = "/login", to: str = "/login/provider") -> str:
    """Press the provider's button, and return the address to which the browser is sent."""
    page = mine.get(path)
    form = page.text.partition(f'action="{to}"')[2].partition("</form>")[0]
    answer = mine.post(to, dict(FIELD.findall(form)))
    assert answer.status_code == 200, answer.text
    return answer.headers["Refresh"].partition("url=")[2]


def back(address: str) -> str:
    """Let the provider decide, and return the path on which the browser comes back."""
    answer = requests.get(address, allow_redirects=False, timeout=30)
    location = answer.headers["Location"]
    assert location.startswith(f"{PUBLIC}/login/callback?")
    return location.removeprefix(PUBLIC)


def through(mine: Browser, path: str = "/login", to: str = "/login/provider") -> requests.Response:
    """Go all the way to the provider and back."""
    return mine.get(back(leave(mine, path, to)))


def state_of(path: str) -> str:
    """Return the state that a way back carries."""
    return unquote(path.partition("state=")[2].partition("&")[0])
