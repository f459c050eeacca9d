"""
An account of the directory, and what its attributes mean.

In: the raw attributes of one LDAP entry. Out: a frozen :class:`Account`.
Never: a connection.

Sources: [MS-ADTS] 2.2.16 (userAccountControl), 3.1.1.4.5.17
(msDS-User-Account-Control-Computed); [MS-DTYP] 2.3.3 (FILETIME) and 2.3.4 (GUID).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

DISABLED = 0x0002
LOCKED = 0x0010
_FILETIME_START = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)

TEXTS = (
    "sAMAccountName",
    "userPrincipalName",
    "displayName",
    "mail",
    "title",
    "department",
    "manager",
    "telephoneNumber",
    "whenCreated",
)
LISTS = ("memberOf",)
TIMES = ("lastLogonTimestamp", "pwdLastSet", "accountExpires")
ATTRIBUTES = (
    *TEXTS,
    *LISTS,
    *TIMES,
    "objectGUID",
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
)
"""What is read of an account; the last one is computed and must be asked for by name."""

Raw = Mapping[str, Sequence[bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One user of the directory as it stood when it was read."""

    dn: str
    username: str
    control: int
    """userAccountControl, a set of flags."""
    object_guid: str
    """Stays the same when the account is renamed or moved."""
    locked: bool
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def disabled(self) -> bool:
        """Whether nobody can sign in with it."""
        return bool(self.control & DISABLED)

    def control_for(self, *, disabled: bool) -> int:
        """Return the flags that make it disabled or enabled and leave all others alone."""
        return self.control | DISABLED if disabled else self.control & ~DISABLED


def account_of(dn: str, raw: Raw) -> Account:
    """Read an entry's raw attributes; absent ones are left out."""
    values = {name: found for name, found in raw.items() if found}
    attributes: dict[str, Any] = {n: _text(values[n][0]) for n in TEXTS if n in values}
    attributes |= {n: [_text(v) for v in values[n]] for n in LISTS if n in values}
    attributes |= {n: _moment(values[n][0]) for n in TIMES if n in values}
    computed = _number(values.get("msDS-User-Account-Control-Computed"))
    return Account(
        dn=dn,
        username=attributes.get("sAMAccountName", dn),
        control=_number(values.get("userAccountControl")),
        object_guid=str(uuid.UUID(bytes_le=values["objectGUID"][0])),
        locked=bool(computed & LOCKED),
        attributes=attributes,
    )


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _number(values: Sequence[bytes] | None) -> int:
    return int(values[0]) if values else 0


def _moment(value: bytes) -> str:
    """Return a FILETIME (units of 100 ns since 1601) as ISO text; empty where it means never."""
    ticks = int(value)
    return (
        ""
        if ticks in _NEVER
        else (_FILETIME_START + timedelta(microseconds=ticks // 10)).isoformat()
    )
