"""
Codes of an authenticator app, enrolled and removed by the person themselves.

In: a session that was confirmed just now, and a code. Out: codes that count, or none any more.
Never: a secret that is shown twice, codes that count before one was shown to be right, or a guess
that is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from soar import codes, identity
from soar.access import NotAuthenticated, token_hash
from soar.domain.errors import BadInput, Conflict, NotAllowed
from soar.identity import OpenVault, Session
from soar.store.rows import Row
from soar.store.work import Work

FRESH = timedelta(minutes=5)
LASTS = 600.0
"""Seconds in which a secret that was shown must be proved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What somebody is shown once, for their app."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


def is_fresh(session: Session) -> bool:
    """Tell whether somebody has shown who they are just now."""
    return datetime.now(UTC) - session.authenticated_at <= FRESH


def begin(work: Work, session: Session, *, vault: OpenVault) -> Shown:
    """Propose new codes to somebody who has none; they count once one of them was given."""
    row = _theirs(work, session)
    if row["totp"]:
        raise Conflict("you have codes already: remove them first")
    secret = codes.new_secret()
    work.credentials.propose_totp(row["person_id"], vault().seal(secret.reveal()))
    username = session.person.username
    return Shown(secret=secret.reveal(), address=codes.address(secret, username))


def finish(
    work: Work, session: Session, cookie: str, code: str, *, address: str, vault: OpenVault
) -> None:
    """Ask somebody for codes from now on: they have given one of the new ones."""
    row = _theirs(work, session)
    if row["totp"]:
        raise Conflict("you have codes already: remove them first")
    attempt = identity.attempted(work, username=session.person.username, address=address)
    sealed = work.credentials.proposed_totp(row["person_id"], seconds=LASTS)
    if sealed is None:
        raise BadInput("code", "came too late, or nothing was shown: begin again")
    step = codes.step_of(vault().open(sealed), code)
    if step is None or not work.credentials.use_step(row["person_id"], step):
        raise NotAuthenticated("The code is not right, or was used already: give the next one")
    attempt.succeeded(work)
    work.credentials.set_totp(row["person_id"], sealed)
    _changed(work, session, row, cookie, "codes enrolled", address)


def remove(
    work: Work, session: Session, cookie: str, code: str, *, address: str, vault: OpenVault
) -> None:
    """Ask somebody for no codes any more: they have given one that they still have."""
    row = _theirs(work, session)
    if not row["totp"]:
        raise Conflict("you have no codes")
    attempt = identity.attempted(work, username=session.person.username, address=address)
    if not identity.code_counts(work, row, code, vault):
        raise NotAuthenticated("The code is not right, or was used already: give the next one")
    attempt.succeeded(work)
    work.credentials.set_totp(row["person_id"], None)
    _changed(work, session, row, cookie, "codes removed", address)


def _theirs(work: Work, session: Session) -> Row:
    """Return what somebody signs in with, if they have just shown who they are."""
    if not is_fresh(session):
        raise NotAllowed("this needs you to confirm that it is you: nothing was done")
    row = work.credentials.of(session.person.username)
    if row is None or not row["password_hash"]:
        raise NotAllowed("codes are asked for beside a password, and you have none here")
    return row


def _changed(work: Work, session: Session, row: Row, cookie: str, what: str, address: str) -> None:
    work.credentials.forget_proposed(row["person_id"])
    ended = work.sessions.end_others(row["person_id"], token_hash(cookie))
    detail = {"user": session.person.username, "address": address, "sessions": ended}
    work.audit(session.person.username, what, detail)
