"""
What a vendor session says when TLS goes wrong, before a request and after it.

In: small TLS servers on loopback. Out: proof that a lost write is never called a failure.
Never: a request to anything but loopback.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soar.connector import ActionFailed, OutcomeUnknown, RetryLater, VendorSession
from soar.lab.server import LOOPBACK, write_certificate

Behaviour = Callable[[socket.socket, ssl.SSLContext], None]
Serve = Callable[[Behaviour], str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Makes a server that treats its one client in a given way, and returns its URL."""
    certificate, key = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    opened: list[tuple[socket.socket, threading.Thread]] = []

    def make(behave: Behaviour) -> str:
        door = socket.create_server((LOOPBACK, 0))

        def answer_one() -> None:
            client, _ = door.accept()
            with client:
                behave(client, context)

        opened.append((door, threading.Thread(target=answer_one, daemon=True)))
        opened[-1][1].start()
        return f"https://{LOOPBACK}:{door.getsockname()[1]}/"

    yield make
    for door, thread in opened:
        thread.join(timeout=5)
        door.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[VendorSession]:
    """A session that trusts the servers' certificate."""
    with VendorSession(ca_file=str(write_certificate(tmp_path)[0])) as opened:
        yield opened


def reads_then_talks_nonsense(client: socket.socket, context: ssl.SSLContext) -> None:
    """Take the request over TLS, then break the stream with bytes that are no TLS."""
    with context.wrap_socket(client, server_side=True) as tls:
        tls.recv(65536)
        with socket.socket(fileno=tls.detach()) as bare:
            bare.sendall(b"HTTP/1.1 500 Internal Server Error\r\n\r\n")


def hangs_up(client: socket.socket, context: ssl.SSLContext) -> None:
    """Close before the handshake is done."""
    client.recv(65536)


def talks_plain_http(client: socket.socket, context: ssl.SSLContext) -> None:
    """Answer a handshake with HTTP, as a wrong port does."""
    client.recv(65536)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def shakes_hands(client: socket.socket, context: ssl.SSLContext) -> None:
    """Offer the certificate, and expect to be refused."""
    with pytest.raises(OSError):
        context.wrap_socket(client, server_side=True)


def test_a_write_whose_stream_breaks_is_unknown(serve: Serve, session: VendorSession) -> None:
    """
    A TLS error after a write was received is an unknown outcome, not a failure.
    """
    with pytest.raises(OutcomeUnknown):
        session.call("POST", serve(reads_then_talks_nonsense), data="x")


def test_a_read_whose_handshake_is_cut_is_asked_later(serve: Serve, session: VendorSession) -> None:
    """
    A server that hangs up during the handshake is asked again later.
    """
    with pytest.raises(RetryLater):
        session.call("GET", serve(hangs_up))


def test_a_read_from_a_port_without_tls_is_a_failure(serve: Serve, session: VendorSession) -> None:
    """
    A port that does not speak TLS is a setting to correct.
    """
    with pytest.raises(ActionFailed, match="handshake"):
        session.call("GET", serve(talks_plain_http))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_certificate_nobody_signed_is_a_failure(serve: Serve, method: str) -> None:
    """
    A refused certificate proves that nothing was sent, also for a write.
    """
    with (
        VendorSession() as stranger,
        pytest.raises(ActionFailed, match="its certificate is not trusted"),
    ):
        stranger.call(method, serve(shakes_hands))


def test_a_ca_file_that_is_not_there_is_a_failure(serve: Serve) -> None:
    """
    A missing CA file is a setting to correct, not a bug.
    """
    with (
        VendorSession(ca_file="/nowhere/ca.pem") as session,
        pytest.raises(ActionFailed, match="ca_file cannot be read"),
    ):
        session.call("GET", f"https://{LOOPBACK}:9/")
