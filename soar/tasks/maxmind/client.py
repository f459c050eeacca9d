"""
A MaxMind database file, opened once and opened again when the file changes.

In: the asset's path. Out: the record of an address, or ``None`` where the file has none.
Never: a download; MaxMind's own updater keeps the file fresh.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import maxminddb

from soar.connector import ActionContext, ActionFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Version = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """One version of the database file, open."""

    path: str
    version: Version
    """The file's inode, size and time of change: what tells one version from the next."""
    reader: maxminddb.Reader

    @classmethod
    def of(cls, ctx: ActionContext) -> Database:
        """Return the asset's database, opened anew only if the file has changed."""
        path = ctx.asset.text("database")
        version = _version(path, ctx.asset.slug)
        kept = ctx.state.get("database")
        if isinstance(kept, Database) and (kept.path, kept.version) == (path, version):
            return kept
        # The old reader is not closed: another thread may be reading from it right now.
        opened = cls(path=path, version=version, reader=_open(path))
        ctx.state["database"] = opened
        return opened

    def find(self, address: Address) -> Mapping[str, Any] | None:
        """Return the record of the network that holds an address, if the file has one."""
        if address.version > self.reader.metadata().ip_version:
            return None  # a database of IPv4 networks knows no IPv6 address
        try:
            record = self.reader.get(address)
        except (maxminddb.InvalidDatabaseError, ValueError):
            raise ActionFailed(_damaged(self.path)) from None
        return record if isinstance(record, Mapping) else None

    @property
    def kind(self) -> str:
        """What the file calls itself, such as GeoLite2-City."""
        return str(self.reader.metadata().database_type)


def _version(path: str, slug: str) -> Version:
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        raise ActionFailed(
            f"there is no database at {path!r}: put an .mmdb file there, or correct the setting "
            f"'database' with `soar asset set {slug} database=…`"
        ) from None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _open(path: str) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except PermissionError:
        raise ActionFailed(f"the database {path!r} may not be read by this worker") from None
    except (maxminddb.InvalidDatabaseError, OSError, ValueError):
        raise ActionFailed(_damaged(path)) from None


def _damaged(path: str) -> str:
    return f"the file {path!r} is not a whole MaxMind database: fetch it again"
