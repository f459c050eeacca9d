"""
How the lab answers at its door: connections are kept open between requests, as vendors keep them.

In: a WSGI application. Out: a server on loopback that says nothing on the console.
Never: an answer after :meth:`Door.server_close`, on a connection that was still open.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache
from typing import IO, Any, cast

from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import LimitedStream

BODILESS = {"204", "304"}


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


class Door(ThreadedWSGIServer):
    """Accepts connections and knows which are open."""

    def __init__(self, host: str, port: int, app: Any, tls: ssl.SSLContext | None) -> None:
        self.visitors: set[socket.socket] = set()
        super().__init__(host, port, app, Visitor, ssl_context=tls)

    def server_close(self) -> None:
        """Let nobody in, and show out who is there."""
        super().server_close()
        for connection in tuple(self.visitors):
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Visitor(WSGIRequestHandler):
    """Answers one request after the other on a connection; the lab has a log of its own."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    server: Door

    def setup(self) -> None:
        """Count the connection as open."""
        super().setup()
        self.server.visitors.add(self.connection)

    def finish(self) -> None:
        """Count it as closed, and let go of both its files: what is unsent may have no reader."""
        self.server.visitors.discard(self.connection)
        for file in (self.wfile, self.rfile):
            with suppress(OSError):
                file.close()

    def run_wsgi(self) -> None:
        """Answer one request, and read what the application left unread of its body."""
        environ = self.make_environ()
        if "wsgi.input_terminated" not in environ:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"] = LimitedStream(cast(IO[bytes], self.rfile), length)
        try:
            body, status, headers = run_wsgi_app(self.server.app, environ)
            self._send(status, list(headers.items()), body)
            environ["wsgi.input"].read()
        except (ConnectionError, TimeoutError, ClientDisconnected) as error:
            self.connection_dropped(error)

    def _send(self, status: str, headers: list[tuple[str, str]], body: Iterable[bytes]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if not (code in BODILESS or any(name.lower() == "content-length" for name, _ in headers)):
            self.send_header("Connection", "close")  # its end is that of the answer
        self.end_headers()
        for data in body:
            self.wfile.write(data)
            self.wfile.flush()
        self.wfile.flush()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time as a header says it: the same for a second."""
        return _date(int(timestamp or time.time()))

    def log(self, type: str, message: str, *args: object) -> None:
        """Write no access log."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write no access log."""

    def connection_dropped(self, error: BaseException, environ: object = None) -> None:
        """Take a client that went away as the end of its connection."""
        self.close_connection = True
