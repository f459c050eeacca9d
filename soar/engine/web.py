"""
How a block asks this system's own REST: as its run, with a token that lives as long as the block.

In: what ``phantom.requests`` was given. Out: a response. What the block has asked to be changed so
far is carried out first, in a transaction of its own: whoever answers must know of it.
Never: a token shown to anybody else, a wait without an end, or a change of a run in shadow.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from soar.domain.changes import Change
from soar.domain.commands import AddArtifact, AddNote, Log, UpdateContainer
from soar.domain.errors import Conflict, NotAllowed
from soar.domain.shadow import PREFIX
from soar.engine import changing
from soar.engine.journal import Journal
from soar.phantom import web
from soar.phantom.desk import Desk, desk
from soar.settings import Settings
from soar.store.database import Database
from soar.store.deeds import LEND, RUN_PREFIX, TAKE_BACK
from soar.store.errors import REFUSED
from soar.store.rows import as_json

web.Requests.exceptions = requests.exceptions

DEED = "soar-deed"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST_WAIT = 10.0
"""Seconds for one answer, or half of what a block may take, whichever is less."""
READS = ("GET", "HEAD", "OPTIONS")
PASSED_ON = ("params", "json", "data", "timeout", "headers")


@dataclass
class Web:
    """Asks REST for one block."""

    database: Database
    settings: Settings
    run: Mapping[str, Any]
    journal: Journal
    _token: str = field(default="", repr=False)
    _session: requests.Session | None = None

    def fetch(self, method: str, url: str, given: Mapping[str, Any]) -> requests.Response:
        """Ask an address of ours as the run; another one only where the operator allows it."""
        path = self._own_path(url)
        if path is None:
            return self._abroad(method, url, given)
        at = desk()
        if self.run["shadow"] and method not in READS:
            at.ask(Log(level="info", message=f"{PREFIX}would have asked {method} {path}"))
            return _said(200, {"success": True, "id": 0, "shadow": True})
        if not self.run["shadow"]:
            self._carry_out(at)
            at.forget_what_it_saw()
        return self._ask(method, path, given)

    def close(self) -> None:
        """Give the token back, and end the connections."""
        if self._session is not None:
            self._session.close()
            self.database.run(TAKE_BACK, {"hash": _hash(self._token)})
            self._session, self._token = None, ""

    def _own_path(self, url: str) -> str | None:
        """Return the path of an address of ours, or None where it is somebody else's."""
        parts = urlsplit(url)
        names = {urlsplit(u).hostname for u in (self.settings.public_url, self._base)}
        if (parts.scheme or parts.netloc) and parts.hostname not in (LOOPBACK | names) - {None}:
            return None
        path = f"/{parts.path.lstrip('/')}"
        outside = path != "/rest" and not path.startswith("/rest/")
        if outside or ".." in path.split("/"):
            raise NotAllowed(f"phantom.requests asks only what is below /rest, not {path[:80]!r}")
        return f"{path}?{parts.query}" if parts.query else path

    @property
    def _base(self) -> str:
        return self.settings.own_rest_url

    def _ask(self, method: str, path: str, given: Mapping[str, Any]) -> requests.Response:
        body = _body(given)
        headers = {str(k): str(v) for k, v in (given.get("headers") or {}).items()}
        own = {"ph-auth-token": self._lent(), "Content-Type": "application/json"}
        if method not in READS:
            own[DEED] = self._deed(method, path, given, body)
        kept = {k: v for k, v in headers.items() if k.lower() not in ("authorization", *own)}
        session = self._session
        assert session is not None
        return session.request(
            method,
            self._base + path,
            params=given.get("params"),
            data=body,
            headers={**kept, **own},
            timeout=self._patience(given),
            allow_redirects=False,
        )

    def _deed(self, method: str, path: str, given: Mapping[str, Any], body: bytes | None) -> str:
        """Name a change, so that whoever carries it out knows it when it comes again."""
        told = [method, path, given.get("params"), (body or b"").decode("utf-8", "replace")]
        digest = _hash(as_json(told))
        number, _ = self.journal.next(digest)
        return f"{number}/{digest}/{self.journal.step}"

    def _carry_out(self, at: Desk) -> None:
        """Carry out, and commit, what the block has asked to be changed so far."""
        kinds = (UpdateContainer, AddArtifact, AddNote, Change)
        asked = [c for c in at.commands if isinstance(c, kinds)]
        if not asked:
            return
        at.commands[:] = [c for c in at.commands if not isinstance(c, kinds)]
        digest = _hash("\n".join(type(c).__name__ for c in asked))
        number, done = self.journal.next(digest)
        if done is not None:
            return
        with _frankly(), self.database.begin() as work:
            work.deeds.be_brief()
            changing.carry_out(work, asked, self.run)
            ids = [list(pair) for pair in self.journal.given]
            work.deeds.keep(
                self.run["id"], self.journal.step, number, digest=digest, answer={"ids": ids}
            )

    def _abroad(self, method: str, url: str, given: Mapping[str, Any]) -> requests.Response:
        host = urlsplit(url).hostname or ""
        allowed = {h.strip().lower() for h in self.settings.playbook_hosts.split(",") if h.strip()}
        if host.lower() not in allowed and "*" not in allowed:
            raise NotAllowed(
                f"phantom.requests asks only this system, not {host[:80]!r}: use an action of an"
                " asset, or let the operator name the host in SOAR_PLAYBOOK_HOSTS"
            )
        with requests.Session() as session:
            session.trust_env = False
            passed = {k: v for k, v in given.items() if k in PASSED_ON or k in ("auth", "verify")}
            passed |= {"timeout": self._patience(given), "allow_redirects": False}
            return session.request(method, url, **passed)

    def _patience(self, given: Mapping[str, Any]) -> float:
        most = min(LONGEST_WAIT, self.settings.block_seconds / 2)
        asked = given.get("timeout")
        return min(float(asked), most) if isinstance(asked, int | float) and asked > 0 else most

    def _lent(self) -> str:
        """Return the token of this block; it is made when it is first needed."""
        if self._session is None:
            self._token = RUN_PREFIX + secrets.token_urlsafe(32)
            seconds = 2 * self.settings.block_seconds + LONGEST_WAIT
            told = {"hash": _hash(self._token), "run": self.run["id"], "seconds": seconds}
            self.database.run(LEND, told)
            self._session = requests.Session()
            self._session.trust_env = False
        return self._token


@contextmanager
def _frankly() -> Iterator[None]:
    """Say in one sentence what the database refused, without the statement."""
    try:
        yield
    except REFUSED as error:
        kind = type(error.orig).__name__
        raise Conflict(f"what was asked so far could not be carried out ({kind})") from None


def _body(given: Mapping[str, Any]) -> bytes | None:
    """Return the body of a request: JSON, however it was given."""
    value = given.get("json") if given.get("json") is not None else given.get("data")
    if value is None:
        return None
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else as_json(value).encode()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _said(status: int, body: Mapping[str, Any]) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = json.dumps(body).encode()
    response.headers["Content-Type"] = "application/json"
    return response
