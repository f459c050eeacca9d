"""
A call is over at its deadline, whatever its vendor does with the connection.

In: servers on loopback that are silent, or drip. Out: the failure by its name, soon after the
deadline. Never: a request that is sent too late, or a timeout of a socket that would have done it.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soar import deadline
from soar.connector import (
    ActionContext,
    AssetConfig,
    OutcomeUnknown,
    RetryLater,
    Secret,
    VendorSession,
    cut_at_end,
    seconds_left,
    within,
)
from soar.lab.server import LOOPBACK, write_certificate
from soar.tasks.active_directory.client import opened

LIMIT = 0.5
SOON = 6.0
"""Far below every timeout of a socket (20 s), far above what a busy machine needs."""
DRIP = 0.1

Behaviour = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


class Doors:
    """Servers on loopback that treat their clients as a test says."""

    def __init__(self, folder: Path) -> None:
        certificate, key = write_certificate(folder)
        self.ca_file = str(certificate)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.stopped = threading.Event()
        self.heard: list[bytes] = []
        self.handshake_after = 0.0
        self.opened_at = 0.0
        self._doors: list[socket.socket] = []

    def open(self, behave: Behaviour, *, tls: bool = False) -> str:
        """Serve, and return host and port."""
        door = socket.create_server((LOOPBACK, 0))
        self._doors.append(door)
        threading.Thread(target=self._serve, args=(door, behave, tls), daemon=True).start()
        return f"{LOOPBACK}:{door.getsockname()[1]}"

    def _serve(self, door: socket.socket, behave: Behaviour, tls: bool) -> None:
        while not self.stopped.is_set():
            try:
                client, _ = door.accept()
                self.stopped.wait(self.handshake_after)
                self.opened_at = time.monotonic()
                if tls:
                    client = self.context.wrap_socket(client, server_side=True)
                with client:
                    self.heard.append(client.recv(65536))
                    behave(client)
            except OSError:
                continue

    def drip(self, head: bytes) -> Behaviour:
        """Return a behaviour: send *head*, then a byte now and then, for ever."""

        def behave(client: socket.socket) -> None:
            client.sendall(head)
            while not self.stopped.wait(DRIP):
                client.sendall(b"x")

        return behave

    def silent(self, client: socket.socket) -> None:
        """Take the request and never answer."""
        self.stopped.wait(60)

    def close(self) -> None:
        """End all of it."""
        self.stopped.set()
        for door in self._doors:
            door.close()


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    """Servers of one test."""
    made = Doors(tmp_path)
    yield made
    made.close()


@pytest.fixture
def session(doors: Doors) -> Iterator[VendorSession]:
    """A session that trusts the doors."""
    with VendorSession(ca_file=doors.ca_file) as made:
        yield made


HEADS = {
    "the status line": b"HTTP/1.1 200 ",
    "the headers": HEAD + b"X-Drip: ",
    "a body of known length": HEAD + b"Content-Length: 100000\r\n\r\n",
    "a body until the end": HEAD + b"Connection: close\r\n\r\n",
    "a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n",
}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("head", list(HEADS.values()), ids=list(HEADS))
def test_a_dripping_answer_is_cut_at_the_deadline(
    doors: Doors, session: VendorSession, head: bytes, tls: bool
) -> None:
    """
    No timeout between two bytes is reached, and the call is over all the same: its answer is lost.
    """
    scheme = "https" if tls else "http"
    url = f"{scheme}://{doors.open(doors.drip(head), tls=tls)}/"
    began = time.monotonic()

    with within(LIMIT), pytest.raises(RetryLater, match=r"within the 0\.5 s of this call") as told:
        session.call("GET", url)

    assert told.value.no_answer
    assert LIMIT <= time.monotonic() - began < SOON


def test_a_silent_vendor_is_left_at_the_deadline(doors: Doors, session: VendorSession) -> None:
    """
    A read is asked again later; a write may have been done.
    """
    url = f"http://{doors.open(doors.silent)}/"
    began = time.monotonic()

    with within(LIMIT), pytest.raises(RetryLater):
        session.call("GET", url)
    url = f"http://{doors.open(doors.silent)}/"
    with within(LIMIT), pytest.raises(OutcomeUnknown, match=r"no whole answer within the 0\.5 s"):
        session.call("POST", url, data="x")

    assert time.monotonic() - began < 2 * SOON


def test_the_deadline_is_one_for_all_requests_of_a_call(
    doors: Doors, session: VendorSession
) -> None:
    """
    Three answers that each take a good part of the limit are not waited for one after the other.
    """

    def slow(client: socket.socket) -> None:
        time.sleep(0.6 * LIMIT)
        client.sendall(HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nok")

    url = f"http://{doors.open(slow)}/"
    with within(LIMIT):
        assert session.call("GET", url).text == "ok"
        with pytest.raises(RetryLater):
            session.call("GET", url)


def test_nothing_is_sent_after_the_deadline(doors: Doors, session: VendorSession) -> None:
    """
    A call that comes back too late, from whatever held it, can do nothing that another may
    have done by now: not even on a connection that is open already.
    """

    def answers(client: socket.socket) -> None:
        client.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
        doors.heard.append(client.recv(65536))

    url = f"http://{doors.open(answers)}/"
    with within(0.5) as deadline:
        session.call("GET", url)
        while not deadline.over:
            time.sleep(0.05)
        with pytest.raises(RetryLater, match="were used up before its vendor was asked"):
            session.call("POST", url, data="much-later")
        with pytest.raises(RetryLater):
            seconds_left(5)

    assert not [heard for heard in doors.heard if b"much-later" in heard]


def test_a_deadline_cuts_only_its_own_call(doors: Doors, session: VendorSession) -> None:
    """
    Another call's connection of the same session lives on, and so does one from the pool.
    """

    def answers(client: socket.socket) -> None:
        for _ in range(2):
            client.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")
            client.recv(65536)
        time.sleep(1.5)
        client.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")

    url = f"http://{doors.open(answers)}/"
    first_done, second_runs = threading.Event(), threading.Event()
    found: list[str] = []

    def second() -> None:
        first_done.wait(10)
        with within(10.0):
            session.call("GET", url)
            second_runs.set()
            found.append(session.call("GET", url).text)

    other = threading.Thread(target=second)
    other.start()
    with within(0.5) as deadline:
        session.call("GET", url)
        first_done.set()
        second_runs.wait(10)
        while deadline.left > -0.6:
            time.sleep(0.05)
    other.join(20)

    assert found == ["ok"]
    assert len(doors.heard) == 1, "all three used one connection"


def test_a_vendor_behind_a_silent_proxy_is_left_too(doors: Doors) -> None:
    """
    The proxy takes the CONNECT and says nothing: nothing has reached the vendor.
    """
    proxy = f"http://{doors.open(doors.drip(b'HTTP/1.1 200 '))}"
    began = time.monotonic()

    with (
        VendorSession(ca_file=doors.ca_file, proxy=proxy) as session,
        within(LIMIT),
        pytest.raises((RetryLater, OutcomeUnknown)),
    ):
        session.call("POST", "https://vendor.example/", data="x")

    assert time.monotonic() - began < SOON


def test_a_directory_that_drips_is_cut_at_the_deadline(doors: Doors) -> None:
    """
    LDAP has timeouts between two bytes as well, and the same deadline.
    """
    bind_answer = b"\x30\x82\xff\xff\x02\x01\x01\x61"  # a message that promises 65535 bytes
    server = doors.open(doors.drip(bind_answer), tls=True)
    asset = AssetConfig(
        slug="ad",
        values={
            "server": server,
            "username": "CORP\\svc",
            "password": Secret("x"),
            "ca_file": doors.ca_file,
        },
    )
    ctx = ActionContext(asset=asset, http=VendorSession(), key="soar-1-1-0f0f")
    began = time.monotonic()

    with within(LIMIT), pytest.raises(RetryLater), opened(ctx):
        raise AssertionError("nobody signed in")

    assert LIMIT <= time.monotonic() - began < SOON


def test_a_call_that_hangs_beyond_its_cut_is_told_of_once(doors: Doors) -> None:
    """
    What ignores the cut is named after its grace, from another thread; who ends in time is not.
    """
    told: list[float] = []
    done = threading.Event()
    with within(0.2, hung=lambda d: (told.append(d.left), done.set())[0], grace=0.3):
        assert done.wait(10)
        time.sleep(0.6)
    with within(0.2, hung=lambda d: told.append(d.left), grace=30.0):
        time.sleep(0.5)

    assert len(told) == 1
    assert told[0] <= -0.3


def test_what_is_opened_after_the_deadline_is_cut_as_well() -> None:
    """
    The cut is repeated while the call lives.
    """
    cut = threading.Event()
    with within(0.1) as deadline:
        while not deadline.over:
            time.sleep(0.02)
        time.sleep(0.4)
        with cut_at_end(cut.set):
            assert cut.wait(10)


def answer(client: socket.socket) -> None:
    """Answer with nothing to say."""
    client.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


def test_a_request_counts_as_sent_when_it_has_left_not_when_its_connection_was_asked_for(
    doors: Doors, session: VendorSession
) -> None:
    """
    A lane counts a call from when it can have arrived: a handshake may take seconds before that.
    """
    doors.handshake_after = 0.3
    url = f"https://{doors.open(answer, tls=True)}/"

    session.call("GET", url)

    assert session.notes.sent is not None
    assert session.notes.answered is not None
    assert doors.opened_at < session.notes.sent < session.notes.answered


def test_a_watch_that_was_woken_for_a_short_call_is_not_woken_for_the_next_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    It looks again after its time, though the call is over: a thread woken by each costs more.
    """
    watch, looks, go_on = deadline.Watch(), threading.Semaphore(0), threading.Semaphore(0)

    sleep = time.sleep

    def looked(seconds: float) -> None:
        if threading.current_thread() is not watch._thread:
            sleep(seconds)
        else:
            looks.release()
            go_on.acquire()

    monkeypatch.setattr(deadline.time, "sleep", looked)
    call = deadline.Deadline(seconds=60.0)
    watch.add(call)
    assert looks.acquire(timeout=SOON)
    watch.remove(call)
    go_on.release()
    while not watch._change._waiters:
        sleep(0.01)

    with watch._change:
        watch.add(call)
        watch.remove(call)

    assert looks.acquire(timeout=SOON)
