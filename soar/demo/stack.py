"""
The pool of processes that `soar up` and the demo run, from the servers upwards.

In: settings (servers of one's own, or a data directory for embedded ones).
Out: a running pool and the URLs of its doors. Never: a key in a process that must not hold it.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import requests

from soar import bootstrap, signing, vault
from soar.bootstrap import House
from soar.embedded import EmbeddedServers, Servers
from soar.embedded.ground import claimed_port
from soar.settings import Settings, child_environment, remember
from soar.store import migrate
from soar.supervisor import Supervisor

Tell = Callable[[str], None]
ROLES = ("engine", "actions", "beat", "ingest", "http", "flower")
READY_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """The key files of an installation."""

    vault: Path
    signing: Path
    verify: Path


def keys(folder: Path) -> Keys:
    """Return the key files of a data directory, made on first use, readable by their owner."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Keys(
        vault=folder / "vault.key", signing=folder / "signing.pem", verify=folder / "verify.pem"
    )
    if not made.vault.exists():
        made.vault.touch(mode=0o600)
        made.vault.write_text(vault.new_key() + "\n")
    if not made.signing.exists():
        signing.generate(made.signing, made.verify)
    return made


@dataclass
class Stack:
    """A pool of processes on one database and broker; use it as a context."""

    given: Settings
    tell: Tell
    throwaway: bool = False
    """Whether the servers' data is deleted at the end."""
    settings: Settings = field(init=False)
    flower_password: str = field(init=False, repr=False)
    pids: dict[str, int] = field(default_factory=dict, init=False)
    """The process of each role, as it was started last."""
    _open: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Stack:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.tell("stopping every process that was started")
        self._open.close()

    @property
    def house(self) -> House:
        """The parts of a process that answers and reads, for the script."""
        return self._house

    @property
    def web_url(self) -> str:
        """Where pages and REST are."""
        return f"http://127.0.0.1:{self.settings.http_port}"

    @property
    def flower_url(self) -> str:
        """Where Flower is."""
        return f"http://127.0.0.1:{self.settings.flower_port}"

    def _start(self) -> None:
        self.settings = self._settings()
        self.tell("migrating the database")
        migrate.upgrade(self.settings.database_url.get_secret_value())
        self._house = bootstrap.for_http(self.settings)
        self._open.callback(self._house.database.close)

    def start_processes(self, *, flower: bool = True) -> None:
        """Start the workers, http and Flower, and wait until each is ready."""
        log_dir = self.settings.data_dir / "logs"
        self.supervisor = self._open.enter_context(Supervisor(self._common(), log_dir))
        roles = [role for role in ROLES if flower or role != "flower"]
        for role in roles:
            self.start_role(role)
        self.tell(f"starting {', '.join(roles)} (logs in {log_dir})")
        for role in roles:
            self.supervisor.wait_ready(role, self._probe(role), within=READY_SECONDS)

    def remember(self) -> None:
        """Let the command line of this machine's owner reach this installation while it runs."""
        s = self.settings
        file = remember(
            s.data_dir,
            database_url=s.database_url.get_secret_value(),
            redis_url=s.redis_url.get_secret_value(),
            vault_key_file=str(s.vault_key_file),
            signing_key_file=str(s.signing_key_file),
            verify_key_file=str(s.verify_key_file),
            alert_stream=s.alert_stream,
            approvers=s.approvers,
        )
        self._open.callback(file.unlink, missing_ok=True)

    def start_role(self, role: str) -> None:
        """Start one process of a role, in place of one that has ended."""
        command = [sys.executable, "-m", "workers", role]
        self.pids[role] = self.supervisor.start(role, command, also=self._own(role))

    def _settings(self) -> Settings:
        given = self.given
        database, broker = given.database_url.get_secret_value(), given.redis_url.get_secret_value()
        data_dir = given.data_dir.expanduser().resolve()
        if not (database and broker):
            self.tell(f"starting PostgreSQL and Valkey in {data_dir}")
            servers = self._embedded(data_dir / "servers")
            database, broker = database or servers.database_url, broker or servers.redis_url
        files = keys(data_dir / "keys")
        self.flower_password = secrets.token_urlsafe(12)
        password = given.flower_basic_auth.get_secret_value() or f"soar:{self.flower_password}"
        return Settings(
            **{
                **given.model_dump(exclude_unset=True),
                "database_url": database,
                "redis_url": broker,
                "data_dir": data_dir,
                "vault_key_file": given.vault_key_file or files.vault,
                "signing_key_file": given.signing_key_file or files.signing,
                "verify_key_file": given.verify_key_file or files.verify,
                "http_port": self._port(given.http_port),
                "flower_port": self._port(given.flower_port),
                "flower_basic_auth": password,
            }
        )

    def _port(self, wanted: int) -> int:
        """Return a port that no other stack of this machine is given while this one runs."""
        return self._open.enter_context(claimed_port(wanted))

    def _embedded(self, folder: Path) -> Servers:
        embedded = EmbeddedServers(folder)
        servers = embedded.start()
        self._open.callback(embedded.delete if self.throwaway else embedded.stop)
        return servers

    def _common(self) -> dict[str, str]:
        """Return what every process is told: what the operator has set, and no key at all."""
        s = self.settings
        given = s.model_dump(exclude_unset=True)
        plain = {k: str(v) for k, v in given.items() if isinstance(v, bool | int | float | str)}
        return child_environment(
            **{
                **plain,
                "database_url": s.database_url.get_secret_value(),
                "redis_url": s.redis_url.get_secret_value(),
                "data_dir": str(s.data_dir),
            }
        )

    def _own(self, role: str) -> dict[str, str]:
        """Return what one role alone is told: its keys."""
        s = self.settings
        vault_key = s.vault_keys.get_secret_value()
        vault_own = (
            {"SOAR_VAULT_KEYS": vault_key}
            if vault_key
            else {"SOAR_VAULT_KEY_FILE": str(s.vault_key_file)}
        )
        return {
            "actions": {**vault_own, "SOAR_VERIFY_KEY_FILE": str(s.verify_key_file)},
            "http": {**vault_own, "SOAR_SIGNING_KEY_FILE": str(s.signing_key_file)},
            "flower": {"SOAR_FLOWER_BASIC_AUTH": s.flower_basic_auth.get_secret_value()},
        }.get(role, {})

    def _probe(self, role: str) -> Callable[[], bool]:
        """Return how one sees that a role is ready."""
        match role:
            case "http":
                return lambda: _answers(f"{self.web_url}/healthz")
            case "flower":
                return lambda: _answers(f"{self.flower_url}/healthcheck")
            case "engine" | "actions":
                return lambda: self._pings(role)
            case _:
                return lambda: True

    def _pings(self, role: str) -> bool:
        replies = self._house.app.control.ping(timeout=0.5) or []
        return any(name.startswith(role) for reply in replies for name in reply)


def _answers(url: str) -> bool:
    session = requests.Session()
    session.trust_env = False
    try:
        return session.get(url, timeout=2).status_code < 500
    except requests.RequestException:
        return False
