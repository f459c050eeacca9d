"""
People who sign in: made, given roles and passwords, disabled and enabled by an operator.

In: names and roles, and who asks for it. Out: rows; a one-time password or the address of a
code's secret, this one time. Never: a default credential, or a change off the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from soar import codes, passwords
from soar.access import USERNAME
from soar.domain.errors import BadInput, Conflict
from soar.domain.roles import NAME
from soar.store.rows import Row
from soar.store.work import Work
from soar.vault import Vault

ONE_TIME_LASTS = timedelta(days=7)
FIRST = "admin"


def add(work: Work, username: str, *, roles: Sequence[str], by: str) -> str:
    """Make a person and return the one-time password with which they set their own."""
    if not USERNAME.fullmatch(username):
        raise BadInput("user", f"{username!r} must be letters, digits and . _ @ - only")
    if work.credentials.of(username) is not None:
        raise Conflict(f"{username!r} exists: see `soar user show {username}`")
    given = checked_roles(roles)
    work.people.save(username, given)
    work.audit(by, "user added", {"user": username, "roles": given})
    return one_time_password(work, username, by=by)


def checked_roles(roles: Sequence[str]) -> list[str]:
    """Return roles in their order without repeats, or say which one cannot be."""
    for role in roles:
        if not NAME.fullmatch(role):
            raise BadInput("role", f"{role[:60]!r} must be letters, digits, spaces and . _ - only")
    return list(dict.fromkeys(roles))


def set_roles(work: Work, username: str, *, roles: Sequence[str], by: str) -> list[str]:
    """Give a person exactly these roles; their sessions and tokens have them at once."""
    row, given = work.people.get(username), checked_roles(roles)
    work.people.set_roles(row["id"], given)
    work.audit(by, "user roles set", {"user": username, "roles": given, "before": row["roles"]})
    return given


def one_time_password(work: Work, username: str, *, by: str) -> str:
    """Return a new password that can only be used to set another one; sessions end."""
    password = passwords.one_time()
    row = _signer_in(work, username)
    work.credentials.set_password(
        row["person_id"],
        passwords.hashed(password),
        one_time_seconds=ONE_TIME_LASTS.total_seconds(),
    )
    work.sessions.end_all(row["person_id"])
    work.audit(by, "one-time password made", {"user": username})
    return password


def set_password(work: Work, username: str, password: str, *, by: str) -> None:
    """Set a person's password; their sessions end."""
    row = _signer_in(work, username)
    passwords.checked(password, username=username)
    work.credentials.set_password(row["person_id"], passwords.hashed(password))
    work.sessions.end_all(row["person_id"])
    work.audit(by, "password set", {"user": username})


def enrol(work: Work, username: str, *, vault: Vault, by: str) -> str:
    """Ask a person for codes from now on; return the address that their app reads."""
    row = _signer_in(work, username)
    if row["totp"]:
        raise Conflict(f"{username!r} has codes already: remove them first")
    secret = codes.new_secret()
    work.credentials.set_totp(row["person_id"], vault.seal(secret.reveal()))
    work.sessions.end_all(row["person_id"])
    work.audit(by, "codes enrolled", {"user": username})
    return codes.address(secret, username)


def remove_codes(work: Work, username: str, *, by: str) -> None:
    """Ask a person for no codes any more; their sessions end."""
    row = _signer_in(work, username)
    if not row["totp"]:
        raise Conflict(f"{username!r} has no codes")
    work.credentials.set_totp(row["person_id"], None)
    work.sessions.end_all(row["person_id"])
    work.audit(by, "codes removed", {"user": username})


def set_active(work: Work, username: str, *, active: bool, by: str) -> int:
    """Let a person in again, or keep them out; return how many sessions ended."""
    row = work.people.get(username)
    work.people.set_active(row["id"], active)
    ended = 0 if active else work.sessions.end_all(row["id"])
    what = "user enabled" if active else "user disabled"
    work.audit(by, what, {"user": username, "sessions": ended})
    return ended


def first(work: Work, *, by: str) -> str | None:
    """
    Make the first administrator and return a one-time password; None once anybody has one.

    A person of that name keeps the roles they have, and becomes an administrator as well.
    """
    if work.credentials.anybody():
        return None
    row = work.credentials.of(FIRST)
    if row is None:
        return add(work, FIRST, roles=["admin"], by=by)
    if not row["active"]:
        raise Conflict(f"{FIRST!r} is disabled: `soar user add NAME --role admin` makes another")
    _signer_in(work, FIRST)
    set_roles(work, FIRST, roles=[*row["roles"], "admin"], by=by)
    return one_time_password(work, FIRST, by=by)


def rotate(work: Work, vault: Vault) -> list[str]:
    """Seal the secret of everybody's codes again with the newest key; return whose they are."""
    rows = [row for row in work.credentials.all() if row["totp"]]
    for row in rows:
        work.credentials.set_totp(row["person_id"], vault.rotate(row["totp"]))
    return [row["username"] for row in rows]


def _signer_in(work: Work, username: str) -> Row:
    """Return somebody who may sign in; a machine has tokens only."""
    work.people.get(username)
    row = work.credentials.of(username)
    assert row is not None
    if row["kind"] == "automation":
        raise BadInput("user", f"{username!r} is a machine: it has tokens, and never signs in")
    return row
