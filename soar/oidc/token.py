"""
What an id_token must be to count: signed by the provider, for us, for this browser, and now.

In: the token as it came, the provider's keys, what was asked. Out: its claims, or a refusal.
Never: ``none``, a symmetric algorithm, a key that the token brings along, or a claim before the
signature was checked (OpenID Connect Core 3.1.3.7, RFC 8725).
"""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import new as new_hash
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import JWSRegistry

from soar.oidc.client import Client
from soar.oidc.errors import ProviderAway, Refused

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
KINDS = ("RSA", "EC")
SMALLEST_RSA = 2048
LEEWAY = 60
"""Seconds by which two clocks may differ."""
MOST_KEYS = 100
LONGEST = 100_000
LONGEST_SUBJECT = 255
ITS_OWN = frozenset(
    {"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "auth_time", "acr", "amr", "at_hash"}
)
"""What only the signed token can say."""


class UnknownKey(Exception):
    """The token names a key that is not among those that are known."""


def untrusted(client: Client, why: str) -> Refused:
    """Return the refusal of an answer that is not what it must be."""
    return Refused(f"the answer of {client.name} could not be trusted: begin again", why=why)


def keys(document: Mapping[str, Any]) -> KeySet:
    """Return the keys that may sign: RSA of 2048 bits and more, and elliptic curves."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ProviderAway("the provider's keys are no key set")
    found = [key for key in map(_key, listed[:MOST_KEYS]) if key is not None]
    if not found:
        raise ProviderAway("the provider has no key that may sign")
    return KeySet(found)


def _key(given: Any) -> Any:
    """Return a key that may sign, or none; one that cannot be read is left out."""
    if not isinstance(given, dict) or given.get("kty") not in KINDS:
        return None
    if given.get("use", "sig") != "sig" or not isinstance(given.get("kid", ""), str):
        return None
    public = {n: v for n, v in given.items() if n in {"kty", "kid", "use", "alg", "n", "e"}}
    public |= {n: v for n, v in given.items() if n in {"crv", "x", "y"}}
    try:
        key = JWKRegistry.import_key(public)
        size = getattr(key.public_key, "key_size", 0)
    except (JoseError, ValueError, TypeError):
        return None
    return None if given["kty"] == "RSA" and size < SMALLEST_RSA else key


def opened(text: Any, known: KeySet, client: Client) -> Mapping[str, Any]:
    """Return the claims of a token whose signature holds."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise untrusted(client, "no id_token")
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        found = jwt.decode(text, known, registry=registry)
    except InvalidKeyIdError:
        raise UnknownKey from None
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise untrusted(client, "id_token not signed as it must be") from None
    claims: Any = found.claims
    if not isinstance(claims, dict) or str(found.header.get("typ", "JWT")).upper() != "JWT":
        raise untrusted(client, "not an id_token")
    return claims


def check(
    claims: Mapping[str, Any],
    client: Client,
    *,
    nonce: str,
    access_token: Any = None,
    most_seconds: int | None,
    now: float | None = None,
) -> None:
    """Refuse claims that are of another issuer, for somebody else, of another time or browser."""
    at = time.time() if now is None else now
    for why, holds in (
        ("another issuer", claims.get("iss") == client.issuer),
        ("no subject", _is_subject(claims.get("sub"))),
        ("another audience", _is_for(claims, client.client_id)),
        ("expired", _number(claims, "exp") > at - LEEWAY),
        ("issued in the future", 0 < _number(claims, "iat") <= at + LEEWAY),
        ("not valid yet", _number(claims, "nbf") <= at + LEEWAY),
        ("another nonce", _same(claims.get("nonce"), nonce)),
        ("another access token", _belongs(claims.get("at_hash"), access_token)),
        ("signed in in the future", _number(claims, "auth_time") <= at + LEEWAY),
    ):
        if not holds:
            raise untrusted(client, why)
    _check_strength(claims, client, most_seconds, at)


def _check_strength(
    claims: Mapping[str, Any], client: Client, most_seconds: int | None, at: float
) -> None:
    if client.acr and claims.get("acr") not in client.acr:
        raise Refused(
            f"{client.name} did not ask you for as much as is needed here (SOAR_OIDC_ACR)",
            why="another acr",
        )
    signed_in = moment(claims)
    if most_seconds is None or signed_in is None:
        return
    if at - signed_in.timestamp() > most_seconds + LEEWAY:
        raise Refused(
            f"you signed in at {client.name} too long ago: sign out there, then begin again",
            why="auth_time too old",
        )


def moment(claims: Mapping[str, Any]) -> datetime | None:
    """Return when somebody showed the provider who they are, if it says so."""
    given = _number(claims, "auth_time")
    return datetime.fromtimestamp(given, UTC) if 0 < given < 2**33 else None


def _number(claims: Mapping[str, Any], name: str) -> float:
    """Return a time of the claims; what is none is 0."""
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _is_subject(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_SUBJECT and value.isprintable()


def _is_for(claims: Mapping[str, Any], client_id: str) -> bool:
    """Tell whether a token is for us: we are its audience, and it was made for nobody else."""
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    if client_id not in several:
        return False
    return party == client_id if party is not None else len(several) == 1


def _same(given: Any, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())


def _belongs(at_hash: Any, access_token: Any) -> bool:
    """Tell whether an access token is the one of the id_token; without a hash, it is believed."""
    if at_hash is None or not isinstance(access_token, str):
        return True
    return any(_same(at_hash, _left_half(name, access_token)) for name in HASHES)


HASHES = ("sha256", "sha384", "sha512")


def _left_half(name: str, text: str) -> str:
    digest = new_hash(name, text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
