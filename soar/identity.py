"""
Signing in: a name, a password and a code become a session, and a session says who asks.

In: what somebody typed, or the secret of a cookie. Out: a secret, a :class:`Session`, or a
refusal in one sentence that is the same for every reason.
Never: a secret in clear at rest, a guess that is not counted, or a person locked out for ever.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from soar import codes, passwords
from soar.access import USERNAME, NotAuthenticated, Throttled, token_hash
from soar.domain.errors import BadInput
from soar.domain.model import Person
from soar.store.people import person_of
from soar.store.rows import Row
from soar.store.work import Work
from soar.telemetry import log
from soar.vault import Vault, VaultClosed

REFUSED = "The username, the password or the code is not right"
ENDED = "The session has ended: sign in again"
FREE_NAME = 5
FREE_ADDRESS = 20
"""So many failures cost nothing: of a name, and of an address that many people may share."""
LONGEST_WAIT = 900
PASSWORD_SECONDS = 900
"""For so long a session that can only set a password stands."""

UNKNOWN = datetime.fromtimestamp(0, UTC)
"""When somebody was authenticated, if nobody says so: too long ago for whatever asks."""

OpenVault = Callable[[], Vault]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """For how long a session stands: without a request, and at most."""

    idle_seconds: int = 1800
    seconds: int = 43_200


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Somebody who is signed in."""

    person: Person
    authenticated_at: datetime
    """
    When they last showed who they are: here with password and code, or to the provider.

    :data:`UNKNOWN` where the provider did not say.
    """
    csrf: str
    """What every form of this session carries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One counted attempt: taken back if it succeeds."""

    name: str
    counted: Mapping[str, Any]

    def succeeded(self, work: Work) -> None:
        """Forget the failures of the name; those of the address stay, without this one."""
        for key, at in self.counted.items():
            if key == self.name:
                work.login_failures.forget(key)
            else:
                work.login_failures.take_back(key, at)


def sign_in(
    work: Work,
    *,
    username: str,
    password: str,
    code: str = "",
    address: str,
    vault: OpenVault | None = None,
    limits: Limits | None = None,
) -> str:
    """
    Return the secret of a new session.

    *vault* opens the secret of somebody's codes; without it, who has codes is refused. With a
    one-time password the session can only set a new one (:func:`set_password`).
    """
    attempt = attempted(work, username=username, address=address)
    row = _proved(work, username, password=password, code=code, vault=vault, address=address)
    attempt.succeeded(work)
    secret = begin(work, row, address=address, limits=limits or Limits())
    detail = {"address": address, "code": bool(row["totp"]), "one_time": row["one_time"]}
    work.audit(row["username"], "signed in", detail)
    return secret


def session_of(work: Work, secret: str, *, address: str) -> Session | None:
    """Return the session of a secret, if it stands and may do more than set a password."""
    row = standing(work, secret)
    if row is None or row["only_password"]:
        return None
    if work.sessions.touch(row["id"]) and row["address"] != address:
        log.info("session_elsewhere", user=row["username"], session=row["id"], address=address)
    return _session(row, secret)


def password_session_of(work: Work, secret: str) -> Session | None:
    """Return the session of somebody who must set a new password before anything else."""
    row = standing(work, secret)
    return _session(row, secret) if row is not None and row["only_password"] else None


def confirm(
    work: Work,
    secret: str,
    *,
    password: str,
    code: str = "",
    address: str,
    vault: OpenVault | None = None,
) -> Session:
    """Return the session, authenticated just now: who sits there has shown it again."""
    row = standing(work, secret)
    if row is None or row["only_password"]:
        raise NotAuthenticated(ENDED)
    name = str(row["username"])
    attempt = attempted(work, username=name, address=address)
    _proved(work, name, password=password, code=code, vault=vault, address=address)
    attempt.succeeded(work)
    work.sessions.authenticated(row["id"])
    work.audit(name, "confirmed", {"address": address})
    again = standing(work, secret)
    if again is None:
        raise NotAuthenticated(ENDED)
    return _session(again, secret)


def sign_out(work: Work, secret: str) -> None:
    """End a session; one that has ended stays so."""
    ended = work.sessions.end(token_hash(secret)) if secret else None
    if ended:
        work.audit(ended["username"], "signed out", {})


def set_password(
    work: Work,
    secret: str,
    *,
    new: str,
    current: str = "",
    code: str = "",
    address: str,
    vault: OpenVault | None = None,
    limits: Limits | None = None,
) -> str:
    """
    Set the password of who is signed in, end all their sessions, and return a new one's secret.

    Who came with a one-time password need not give it again; everybody else gives the current one.
    """
    row = standing(work, secret)
    if row is None:
        raise NotAuthenticated(ENDED)
    name = str(row["username"])
    passwords.checked(new, username=name)
    if not row["only_password"]:
        attempt = attempted(work, username=name, address=address)
        _proved(work, name, password=current, code=code, vault=vault, address=address)
        attempt.succeeded(work)
    kept = work.credentials.of(name)
    assert kept is not None
    if passwords.matches(kept["password_hash"], new):
        raise BadInput("password", "must not be the one it replaces")
    work.credentials.set_password(row["person_id"], passwords.hashed(new))
    work.sessions.end_all(row["person_id"])
    work.audit(name, "password set", {"user": name, "address": address})
    fresh = {"person_id": row["person_id"], "one_time": False}
    return begin(work, fresh, address=address, limits=limits or Limits())


def csrf_of(secret: str) -> str:
    """Return what the forms of a cookie's owner carry: it tells nothing about the cookie."""
    return hmac.new(secret.encode(), b"soar form", hashlib.sha256).hexdigest()


def wait_after(failures: int, free: int) -> int:
    """Return how many seconds pass after so many failures before the next attempt counts."""
    if failures < free:
        return 0
    return int(min(LONGEST_WAIT, 2 ** min(failures - free, 10)))


def attempted(work: Work, *, address: str, username: str | None = None) -> Attempt:
    """
    Count an attempt before it is judged, or refuse it; both stand whatever becomes of the work.

    So attempts at the same moment see each other, and a caller that rolls back forgives none.
    Where nobody says a name, only the address counts.
    """
    name = "" if username is None else _name_key(work, username, address)
    free = {_address_key(address): FREE_ADDRESS} | ({name: FREE_NAME} if name else {})
    with work.login_failures.apart() as failures:
        known = failures.locked(list(free))
        waits = [wait_after(n, free[key]) - age for key, (n, age) in known.items()]
        wait = max(waits, default=0.0)
        if wait > 0:
            log.warning("sign_in_throttled", address=address)
            raise Throttled(math.ceil(wait))
        return Attempt(name=name, counted=failures.count(list(free)))


def _name_key(work: Work, username: str, address: str) -> str:
    """
    Return the key of a name, hashed: people type their password there.

    An address from which this person signed in lately counts on its own, so that a stranger who
    guesses from elsewhere does not make them wait.
    """
    known = bool(USERNAME.fullmatch(username)) and work.sessions.knows(username, address)
    text = f"{username.casefold()}\n{address if known else ''}"
    return "name:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _address_key(address: str) -> str:
    """Return the key of an address; the 64 bits that one owner has in IPv6 are one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return f"from:{address[:60]}"
    if found.version == 4:
        return f"from:{found}"
    if found.ipv4_mapped:
        return f"from:{found.ipv4_mapped}"
    return f"from:{ipaddress.ip_network((found, 64), strict=False)}"


def _proved(
    work: Work, username: str, *, password: str, code: str, vault: OpenVault | None, address: str
) -> Row:
    """Return who has shown password and code; one verification is made, whoever is asked for."""
    row = work.credentials.of(username) if USERNAME.fullmatch(username) else None
    usable = row if row is not None and _may_sign_in(row) else None
    kept = str(usable["password_hash"]) if usable else ""
    known = passwords.matches(kept, password)
    if usable is None or not known or not code_counts(work, usable, code, vault):
        log.warning("sign_in_refused", user=row["username"] if row else "", address=address)
        raise NotAuthenticated(REFUSED)
    if passwords.is_outdated(kept):
        work.credentials.rehash(usable["person_id"], passwords.hashed(password), before=kept)
    return usable


def _may_sign_in(row: Row) -> bool:
    return bool(row["active"] and row["kind"] != "automation" and not row["expired"])


def code_counts(work: Work, row: Row, code: str, vault: OpenVault | None) -> bool:
    """Tell whether a code is right and was not used before; who has no codes needs none."""
    if not row["totp"]:
        return True
    if vault is None:
        raise VaultClosed("this server has no vault key to check codes with: ask its operator")
    step = codes.step_of(vault().open(row["totp"]), code)
    return step is not None and work.credentials.use_step(row["person_id"], step)


def begin(
    work: Work,
    row: Mapping[str, Any],
    *,
    address: str,
    limits: Limits,
    authenticated_at: datetime | None = None,
) -> str:
    """Return the secret of a new session of somebody who has shown who they are."""
    secret = secrets.token_urlsafe(32)
    only_password = bool(row["one_time"])
    work.sessions.add(
        row["person_id"],
        token_hash(secret),
        address=address,
        idle_seconds=PASSWORD_SECONDS if only_password else limits.idle_seconds,
        seconds=PASSWORD_SECONDS if only_password else limits.seconds,
        only_password=only_password,
        authenticated_at=authenticated_at,
    )
    return secret


def standing(work: Work, secret: str) -> Row | None:
    """Return the row of a session that stands, whatever it may do."""
    if not secret:
        return None
    hashed = token_hash(secret)
    row = work.sessions.standing(hashed)
    return row if row is not None and hmac.compare_digest(row["hash"], hashed) else None


def _session(row: Row, secret: str) -> Session:
    since = row["authenticated_at"]
    return Session(person=person_of(row), authenticated_at=since, csrf=csrf_of(secret))
