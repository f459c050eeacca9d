"""
What the tests of notices stand on: questions, a courier, and real servers that take messages.

In: the ``house`` on real servers. Out: ``office``, which opens questions, lets time pass and sends
what is due; ``receiver``, an HTTP server that keeps what it gets and answers as it is told.
Never: a mock of the store, the courier or a channel.
"""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from soar import approvals
from soar.bootstrap import House
from soar.domain import gate
from soar.domain.gate import HeldCall
from soar.domain.model import Person
from soar.notify import directory
from soar.notify.courier import Courier
from soar.store.work import Work
from tests.integration.rest.stage import add_playbook, add_run

ADA = Person(username="ada", roles=("soc_tier2",))
PUBLIC_URL = "https://soar.example"
Row = dict[str, Any]
ISOLATE = HeldCall(
    action="quarantine device",
    asset="crowdstrike_prod",
    app="crowdstrike",
    app_version="1",
    parameters={"hostname": "WORKSTATION-042", "comment": "TOP-SECRET"},
)


@dataclass
class Got:
    """One request that a server got."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """Its body, as JSON."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """An HTTP server that keeps what it gets; its answers are given before, the last one stays."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    respond: Callable[[Got], tuple[int, dict[str, str], bytes]] | None = None
    hold: threading.Event | None = None
    """While it is there and not set, no request is answered."""

    def will(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer like this, after the answers that were given before."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, named, body))

    def answer(self, got: Got) -> tuple[int, dict[str, str], bytes]:
        """Return the answer to a request."""
        self.got.append(got)
        if self.hold is not None:
            self.hold.wait(timeout=20)
        if self.respond is not None:
            return self.respond(got)
        if not self.answers:
            return 200, {}, b""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a free port, with TLS if there is a context."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, text = receiver.answer(Got(self.path, headers, body))
            self.send_response(status)
            for name, value in {"content-length": str(len(text)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing: clients may leave in the middle."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    receiver.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


@dataclass
class Office:
    """Questions, channels and the courier, in the test's hands."""

    house: House
    courier: Courier = field(init=False)
    _approvals: int = 0

    def __post_init__(self) -> None:
        self.courier = Courier(
            database=self.house.database,
            vault=self.house.vault(),
            catalog=self.house.catalog,
            public_url=PUBLIC_URL,
        )

    def channel(self, name: str, kind: str, *, to: tuple[str, ...] = (), **settings: str) -> Row:
        """Set up a channel."""
        with self.house.database.begin() as work:
            given = {n.rstrip("_"): value for n, value in settings.items()}
            vault = self.house.vault()
            return directory.save(work, name, kind, given, vault=vault, by="a test", to=to)

    def ask(self, *, dangerous: bool = False, minutes: float = 60, **more: Any) -> int:
        """Open a question to the role soc_tier2 and return its id."""
        with self.house.database.begin() as work:
            return self.ask_in(work, dangerous=dangerous, minutes=minutes, **more)

    def ask_in(
        self,
        work: Work,
        *,
        dangerous: bool = False,
        minutes: float = 60,
        name: str = "contain?",
        message: str = "Isolate WORKSTATION-042?",
        to: str = "soc_tier2",
        options: tuple[str, ...] = ("Isolate Host", "Monitor Only"),
    ) -> int:
        """Open a question in a transaction of the test's own."""
        container = work.containers._value(
            "insert into container (asset, source_id, name, label, severity) values"
            " ('sham', gen_random_uuid()::text, 'A case', 'events', 'high') returning id"
        )
        run_id = add_run(work, container, add_playbook(work))
        join_id = work.runs.add_action_run(
            run_id=run_id,
            container_id=container,
            kind="prompt",
            action="prompt",
            name=name,
            remaining=1,
        )
        effects = {o: [ISOLATE] if dangerous and o == options[0] else [] for o in options}
        due = datetime.now(UTC) + timedelta(minutes=minutes)
        public_id = f"a{join_id:015x}"
        shown = gate.payload(
            approval=public_id,
            run_id=run_id,
            container_id=container,
            assignee=to,
            message=message,
            options=options,
            effects=effects,
            due=due.isoformat(),
        )
        return work.approvals.open(
            public_id=public_id,
            run_id=run_id,
            action_run_id=join_id,
            container_id=container,
            kind="prompt",
            name=name,
            assignee=to,
            message=message,
            options=list(options),
            payload=shown,
            payload_digest=gate.digest(shown),
            due_at=due,
        )

    def answer(self, approval_id: int, choice: str = "Monitor Only") -> Row:
        """Answer a question as Ada."""
        with self.house.database.begin() as work:
            row = work.approvals.get(approval_id)
            return approvals.answer(
                work,
                approval_id,
                by=ADA,
                choice=choice,
                signer=self.house.signer(),
                channel="test",
                shown=row["payload_digest"],
            )

    def send_all(self, rounds: int = 10) -> None:
        """Send everything that is due, until nothing is."""
        for _ in range(rounds):
            due = self.rows(
                "select id from notice where status = 'planned' and next_try_at <= now()"
                " order by id"
            )
            if not due:
                return
            for row in due:
                self.courier.send(row["id"])

    def wait_over(self) -> None:
        """Let all waits of notices be over."""
        self.do("update notice set next_try_at = now() - interval '1 s' where status = 'planned'")

    def notices(self, event: str = "") -> list[Row]:
        """Return the notices of an event, or all."""
        return self.rows(
            "select * from notice where :event in ('', event) order by id", event=event
        )

    def statuses(self) -> dict[str, str]:
        """Return the status of each event's notice."""
        return {row["event"]: row["status"] for row in self.notices()}

    def approval(self, approval_id: int) -> Row:
        """Return a question."""
        with self.house.database.begin() as work:
            return work.approvals.get(approval_id)

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return what the tables hold."""
        with self.house.database.begin() as work:
            return work.containers._all(sql, **values)

    def do(self, sql: str, **values: Any) -> None:
        """Change what the tables hold, as nobody should."""
        with self.house.database.begin() as work:
            work.containers._do(sql, **values)

    def person(self, username: str, *roles: str, kind: str = "normal", **addresses: str) -> None:
        """Add a person who is known under addresses."""
        with self.house.database.begin() as work:
            work.people.save(username, list(roles), kind)
            if addresses:
                directory.link(work, username, by="a test", **addresses)


@pytest.fixture
def office(house: House) -> Office:
    """The office, on an empty database."""
    return Office(house)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server without TLS."""
    with receiving() as made:
        yield made


@dataclass
class Authority:
    """A CA of the test's own, and what a server and a client need of it."""

    folder: Path
    ca: trustme.CA = field(default_factory=trustme.CA)

    @property
    def ca_file(self) -> str:
        """The file that clients trust."""
        file = self.folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(file))
        return str(file)

    def server(self, *names: str) -> ssl.SSLContext:
        """Return the context of a server with these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A CA that nobody else trusts."""
    return Authority(tmp_path)
