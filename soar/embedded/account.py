"""
The user that PostgreSQL runs as: ourselves, or nobody when we are root.

In: folders. Out: whether that user reaches them, and a folder of ours that it does reach.
Never: a wider permission on a folder that we did not make.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soar.embedded.errors import CannotStart
from soar.embedded.ground import write_private

UNPRIVILEGED = "nobody"
SYSTEM_PLACE = Path("/var/lib")


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A user and its group, by number."""

    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Say whether this user can walk to a folder, or run a program."""
        return all(self._enters(step) for step in (path, *path.parents))

    def _enters(self, path: Path) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)

    def take(self, path: Path) -> None:
        """Give this user a file or folder that we made for it."""
        os.chown(path, self.uid, self.gid)


def server_account() -> Account | None:
    """Name the user for PostgreSQL, which refuses root; None means ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise CannotStart(
            f"PostgreSQL refuses to run as root and there is no user {UNPRIVILEGED!r}: "
            "run this as an ordinary user, or set SOAR_DATABASE_URL"
        ) from None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def reachable_place(data_dir: Path, account: Account | None) -> Path:
    """Return the folder for PostgreSQL: in the data directory, or outside where nobody gets in."""
    pointer = data_dir / "postgres.place"
    with suppress(FileNotFoundError):
        place = Path(pointer.read_text(encoding="utf-8").strip())
        if place.is_dir():
            return place
        raise CannotStart(f"{pointer} says the database is in {place}, and that folder is gone")
    if account is None or account.reaches(data_dir):
        return _walkable(data_dir / "postgres")
    _check_not_moved(data_dir / "postgres")
    place = _outside(data_dir)
    write_private(pointer, f"{place}\n")
    return place


def _check_not_moved(place: Path) -> None:
    """Refuse to begin an empty database while the old one lies where its user cannot go."""
    if (place / "cluster").exists():
        raise CannotStart(
            f"the database in {place} must run as {UNPRIVILEGED!r}, who cannot get there: "
            f"`chmod o+x` the folders above it, or move {place.parent} where others may pass"
        )


def _outside(data_dir: Path) -> Path:
    """Make a folder with a name of its own, so that a deleted data directory never comes back."""
    temporary = Path(tempfile.gettempdir()).resolve()
    base = temporary if data_dir.is_relative_to(temporary) else SYSTEM_PLACE
    place = Path(tempfile.mkdtemp(prefix="soar-postgres-", dir=base))
    place.chmod(0o711)
    return place


def _walkable(place: Path) -> Path:
    place.mkdir(exist_ok=True)
    place.chmod(0o711)
    return place
