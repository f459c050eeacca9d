"""
What every simulated vendor has: routes, state under a lock, a request log, fault switches.

In: a WSGI request. Out: the vendor's answer, with its arrival written down first.
Never: a vendor's dialect; that is in ``soar/lab/vendors``.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect, Rule
from werkzeug.wrappers import Request, Response

FAULT_KINDS = ("latency", "status", "reset", "lost_answer", "late_answer", "drip")

Endpoint = Callable[..., Response]
Answer = Callable[[], Response]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One request as it reached a vendor's door."""

    vendor: str
    at: float
    """Epoch seconds at arrival."""
    method: str
    path: str
    query: dict[str, str]
    body: str


@dataclass(kw_only=True, slots=True)
class Fault:
    """
    One switch: what goes wrong, on which path and body (a part of it), how many times.

    latency: answer after *value* seconds. status: answer HTTP *value* at once. reset: cut the
    connection before anything happens. lost_answer: let it take effect, then cut the connection.
    late_answer: let it take effect, then answer after *value* seconds. drip: let it take effect,
    then answer a byte each *value* seconds.
    """

    vendor: str
    kind: str
    path: str = ""
    method: str = ""
    body: str = ""
    times: int = 1
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(
                f"fault kind must be one of {', '.join(FAULT_KINDS)}, not {self.kind!r}"
            )

    def concerns(self, vendor: str, request: Request, body: str) -> bool:
        """Tell whether this request is one that shall go wrong."""
        return (
            self.vendor == vendor
            and self.path in request.path
            and self.method in ("", request.method)
            and self.body in body
        )


class CutConnection(Exception):
    """The answer is lost: the server resets the connection instead of answering."""


@dataclass
class Simulator:
    """One vendor: named routes to endpoints; subclasses hold the state."""

    vendor: str
    routes: Iterable[Rule] = ()
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        rules = list(self.routes)
        self.begins = tuple(rule.rule.partition("<")[0].rstrip("/") for rule in rules)
        self.paths = Map(rules, strict_slashes=False).bind("lab")

    def route(self, request: Request) -> Answer | None:
        """Return what answers a request, or None if it is not for this vendor."""
        if "//" not in request.path and not request.path.startswith(self.begins):
            return None
        try:
            endpoint, values = self.paths.match(request.path, request.method)
        except RequestRedirect as redirect:
            return redirect.get_response
        except HTTPException:
            return None
        return partial(_answer, endpoint, request, values)

    def state(self) -> Mapping[str, Any]:
        """What is true at this vendor now, as JSON: blocked addresses, tickets, contained hosts."""
        return {}

    def not_found(self, request: Request) -> Response:
        """The vendor's own answer to an unknown path."""
        return Response("not found", status=404)


@dataclass
class Lab:
    """All simulators behind one WSGI door, with the log and the switches."""

    simulators: tuple[Simulator, ...]
    arrivals: list[Arrival] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        if request.path.startswith("/lab/"):
            from soar.lab.control import answer

            return answer(self, request)(environ, start_response)
        try:
            return self._vendor_answer(request)(environ, start_response)
        except CutConnection:
            _reset(environ)
            # The server takes this error as a client that went away, and writes nothing.
            raise ConnectionResetError from None

    def _vendor_answer(self, request: Request) -> Response:
        for simulator in self.simulators:
            answer = simulator.route(request)
            if answer is not None:
                return self._dispatch(simulator, request, answer)
        return Response("no vendor of the lab has this path", status=404)

    def _dispatch(self, simulator: Simulator, request: Request, answer: Answer) -> Response:
        self._write_down(simulator.vendor, request)
        fault = self._take_fault(simulator.vendor, request)
        if fault and fault.kind == "reset":
            raise CutConnection
        if fault and fault.kind == "status":
            return Response("fault switched on", status=int(fault.value))
        if fault and fault.kind == "latency":
            time.sleep(fault.value)
        with simulator.lock:
            response = answer()
        if fault and fault.kind == "lost_answer":
            raise CutConnection
        if fault and fault.kind == "late_answer":
            time.sleep(fault.value)
        if fault and fault.kind == "drip":
            _drip(response, fault.value)
        return response

    def _write_down(self, vendor: str, request: Request) -> None:
        arrival = Arrival(
            vendor=vendor,
            at=time.time(),
            method=request.method,
            path=request.path,
            query=request.args.to_dict(),
            body=request.get_data(as_text=True)[:10_000],
        )
        with self.lock:
            self.arrivals.append(arrival)

    def _take_fault(self, vendor: str, request: Request) -> Fault | None:
        body = request.get_data(as_text=True)
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.concerns(vendor, request, body):
                    fault.times -= 1
                    return fault
        return None

    def log(self, vendor: str = "") -> list[dict[str, Any]]:
        """Every arrival so far, in order."""
        with self.lock:
            found = list(self.arrivals)  # copied, so that nobody waits while they are told
        return [asdict(a) for a in found if not vendor or a.vendor == vendor]

    def state(self) -> dict[str, Mapping[str, Any]]:
        """What is true at each vendor now; no request changes it meanwhile."""
        return {simulator.vendor: _state(simulator) for simulator in self.simulators}


def _state(simulator: Simulator) -> dict[str, Any]:
    with simulator.lock:
        return dict(simulator.state())


def _answer(endpoint: Endpoint, request: Request, values: Mapping[str, Any]) -> Response:
    try:
        return endpoint(request, **values)
    except HTTPException as error:
        return error.get_response()


def _drip(response: Response, seconds: float) -> None:
    """Let an answer come a byte at a time."""
    data = response.get_data()
    response.headers["Content-Length"] = str(len(data))

    def bytes_of_it() -> Iterator[bytes]:
        for byte in data:
            time.sleep(seconds)
            yield bytes([byte])

    response.response = bytes_of_it()


def _reset(environ: Mapping[str, Any]) -> None:
    """Send a TCP reset: linger 0, then close (what a died proxy or firewall does)."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Detached first, as close() would wait for the files that the server made of the socket.
    os.close(connection.detach())
