"""
What a vendor's answers teach the lane of its asset: who has to wait, and for how long.

In: a server on loopback that answers as a test says, and the actions of each vendor's room.
Out: proof that each documented form is read. Never: a wait that nobody asked for.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from soar.connector import (
    ActionContext,
    AssetConfig,
    OutcomeUnknown,
    Params,
    RetryLater,
    Secret,
    VendorSession,
    nothing_left,
    retry_after,
)
from soar.lab.server import LOOPBACK
from soar.tasks.abuseipdb import actions as abuseipdb
from soar.tasks.crowdstrike import actions as crowdstrike
from soar.tasks.palo_alto import actions as palo_alto
from soar.tasks.servicenow import actions as servicenow
from soar.tasks.splunk_es import actions as splunk_es
from soar.tasks.virustotal import actions as virustotal
from soar.tasks.whois import actions as whois

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOON = timedelta(seconds=90)
LATE = timedelta(seconds=5)
"""How much of a wait may pass until a test looks at it."""
FAR = datetime(2100, 1, 1, tzinfo=UTC)
SECRET = Secret("a-secret")


@dataclass(frozen=True, kw_only=True)
class Room:
    """One call of a vendor's room, and what it waits where no header says how long."""

    call: Callable[[ActionContext, Params], Any]
    given: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    default: timedelta | None = None


ROOMS: Mapping[str, Room] = {
    "virustotal": Room(
        call=virustotal.ip_reputation,
        given={"ip": "203.0.113.66"},
        config={"api_key": SECRET},
        default=timedelta(minutes=1),
    ),
    "abuseipdb": Room(
        call=abuseipdb.ip_reputation, given={"ip": "203.0.113.66"}, config={"api_key": SECRET}
    ),
    "crowdstrike": Room(
        call=crowdstrike.quarantine_device,
        given={"hostname": "WORKSTATION-042"},
        config={"client_id": "soar", "client_secret": SECRET},
    ),
    "palo_alto": Room(
        call=palo_alto.block_ip,
        given={"ip": "203.0.113.66"},
        config={"api_key": SECRET, "name": "Edge"},
    ),
    "servicenow": Room(
        call=servicenow.create_ticket,
        given={"short_description": "Phishing"},
        config={"username": "soar", "password": SECRET},
    ),
    "splunk_es": Room(
        call=splunk_es.update_event,
        given={"event_ids": "ABC@@notable@@1", "status": "closed"},
        config={"token": SECRET},
    ),
    "whois": Room(call=whois.whois_ip, given={"ip": "203.0.113.66"}, default=timedelta(seconds=30)),
}


def _epoch() -> str:
    return str(int((datetime.now(UTC) + SOON).timestamp()))


FORMS: Mapping[str, Callable[[], dict[str, str]]] = {
    "seconds": lambda: {"X-RateLimit-Remaining": "0", "Retry-After": "90"},
    "date": lambda: {
        "X-RateLimit-Remaining": "0",
        "Retry-After": format_datetime(datetime.now(UTC) + SOON, usegmt=True),
    },
    "AbuseIPDB's": lambda: {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": _epoch()},
    "CrowdStrike's": lambda: {"X-Ratelimit-Remaining": "0", "X-RateLimit-RetryAfter": _epoch()},
    "draft's": lambda: {"RateLimit-Remaining": "0", "RateLimit-Reset": "90"},
    "two moments": lambda: {
        "X-RateLimit-Remaining": "0",
        "Retry-After": "90",
        "X-RateLimit-Reset": "9999999999",
    },
}
"""Each form in which a vendor says: in 90 seconds. Of two moments Retry-After counts."""

every_room = pytest.mark.parametrize("name", ROOMS)
every_form = pytest.mark.parametrize("form", FORMS)


Call = Callable[..., Any]


class Vendor(ThreadingHTTPServer):
    """A vendor that gives one answer to everything."""

    daemon_threads = True
    status = 200
    body: Any = ""
    said: Mapping[str, str] = {}

    def says(self, status: int, headers: Mapping[str, str], body: Any = "") -> None:
        """Answer so from now on."""
        self.status, self.said = status, headers
        self.body = body if isinstance(body, str) else json.dumps(body)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    """Reads a request and answers as its vendor was told."""

    def answer(self) -> None:
        """Send status, headers and body."""
        vendor = self.server
        assert isinstance(vendor, Vendor)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(vendor.status)
        for name, value in vendor.said.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(vendor.body)))
        self.end_headers()
        self.wfile.write(vendor.body.encode())

    do_GET = do_POST = answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on the terminal."""


@pytest.fixture(scope="module")
def running() -> Iterator[Vendor]:
    """One server for all tests of this file."""
    with Vendor((LOOPBACK, 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def vendor(running: Vendor) -> Vendor:
    """The server, with nothing to say."""
    running.says(200, {})
    return running


@pytest.fixture
def session() -> Iterator[VendorSession]:
    """A session to whatever vendor."""
    with VendorSession() as opened:
        yield opened


@pytest.fixture
def call(session: VendorSession) -> Call:
    """Makes one call of a room; it has a token already, as CrowdStrike's wants one."""

    def make(name: str, url: str, state: Any = None, **config: Any) -> Any:
        room = ROOMS[name]
        asset = AssetConfig(slug=name, values={"base_url": url, **room.config, **config})
        kept = {"token": (SECRET, FAR)} if state is None else state
        ctx = ActionContext(asset=asset, http=session, key="run-1:action-1", state=kept)
        return room.call(ctx, Params(room.given))

    return make


# Every caller has to wait


@every_room
@every_form
def test_a_429_asks_every_caller_to_wait_as_long_as_its_headers_say(
    vendor: Vendor, call: Call, name: str, form: str
) -> None:
    """
    Each room reads each form, and the wait is the whole asset's.
    """
    vendor.says(429, FORMS[form]())

    with pytest.raises(RetryLater) as caught:
        call(name, vendor.url)

    assert caught.value.all_calls
    assert not caught.value.no_answer
    assert caught.value.after is not None
    assert SOON - LATE <= caught.value.after <= SOON


@every_room
def test_a_429_that_says_no_time_asks_every_caller_all_the_same(
    vendor: Vendor, call: Call, name: str
) -> None:
    """
    Without a header the room's own idea of a wait counts, or the backoff of the engine.
    """
    vendor.says(429, {})

    with pytest.raises(RetryLater) as caught:
        call(name, vendor.url)

    assert caught.value.all_calls
    assert caught.value.after == ROOMS[name].default


@every_room
@pytest.mark.parametrize(("headers", "everybody"), [({"Retry-After": "90"}, True), ({}, False)])
def test_a_503_is_every_callers_only_if_it_says_how_long(
    vendor: Vendor, call: Call, name: str, headers: dict[str, str], everybody: bool
) -> None:
    """
    A maintenance with its end is announced to all; a hiccup is one call's.
    """
    vendor.says(503, headers)

    with pytest.raises(RetryLater) as caught:
        call(name, vendor.url)

    assert caught.value.all_calls is everybody
    assert caught.value.after == (SOON if everybody else None)
    assert not caught.value.no_answer


def test_a_429_at_crowdstrikes_token_is_every_callers(vendor: Vendor, call: Call) -> None:
    """
    While one caller may not have a token, no other caller has to ask for one.
    """
    vendor.says(429, FORMS["CrowdStrike's"]())

    with pytest.raises(RetryLater, match="429") as caught:
        call("crowdstrike", vendor.url, state={})

    assert caught.value.all_calls


def test_a_429_inside_an_envelope_of_crowdstrike_is_every_callers(
    vendor: Vendor, call: Call
) -> None:
    """
    Falcon's errors count like its statuses.
    """
    errors = [{"code": 429, "message": "API rate limit exceeded."}]
    vendor.says(200, FORMS["CrowdStrike's"](), {"resources": [], "errors": errors})

    with pytest.raises(RetryLater) as caught:
        call("crowdstrike", vendor.url)

    assert caught.value.all_calls
    assert caught.value.after is not None
    assert SOON - LATE <= caught.value.after <= SOON


# Nobody answers


@every_room
def test_a_vendor_that_is_not_there_gives_no_answer(call: Call, name: str) -> None:
    """
    A refused connection counts against the lane, and is nobody's request to wait.
    """
    with socket.create_server((LOOPBACK, 0)) as door:
        port = door.getsockname()[1]

    with pytest.raises(RetryLater) as caught:
        call(name, f"http://{LOOPBACK}:{port}")

    assert caught.value.no_answer
    assert not caught.value.all_calls


@pytest.mark.parametrize("name", ["virustotal", "abuseipdb", "whois"])
def test_a_vendor_that_says_nothing_in_time_gives_no_answer(call: Call, name: str) -> None:
    """
    A connection that is taken and then left alone is no answer either.
    """
    with socket.create_server((LOOPBACK, 0)) as door, pytest.raises(RetryLater) as caught:
        call(name, f"http://{LOOPBACK}:{door.getsockname()[1]}", timeout=1)

    assert caught.value.no_answer


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_lost_answer_counts_only_where_nothing_was_written(
    session: VendorSession, method: str
) -> None:
    """
    After a read there was no answer; after a write the question is what has happened.
    """
    with socket.create_server((LOOPBACK, 0)) as door:
        threading.Thread(target=lambda: door.accept()[0].close(), daemon=True).start()

        with pytest.raises(RetryLater if method == "GET" else OutcomeUnknown) as caught:
            session.call(method, f"http://{LOOPBACK}:{door.getsockname()[1]}/")

    assert getattr(caught.value, "no_answer", None) is (True if method == "GET" else None)


# Nothing is left, said beside an answer


@every_form
def test_a_successful_answer_that_leaves_nothing_closes_the_lane(
    vendor: Vendor, session: VendorSession, form: str
) -> None:
    """
    "Remaining: 0" beside an answer is a wait for the next caller, in each form.
    """
    vendor.says(200, FORMS[form]())

    session.call("GET", vendor.url)

    assert session.notes.answered
    assert session.notes.wait is not None
    assert SOON - LATE <= session.notes.wait <= SOON


def test_an_answer_that_leaves_nothing_is_an_answer(
    vendor: Vendor, session: VendorSession, call: Call
) -> None:
    """
    AbuseIPDB's last check of a quota succeeds, and tells when the next may be made.
    """
    report = {"data": {"ipAddress": "203.0.113.66", "abuseConfidenceScore": 85}}
    vendor.says(200, FORMS["AbuseIPDB's"](), report)

    output = call("abuseipdb", vendor.url)

    assert output.message == "Confidence: 85%"
    assert session.notes.wait is not None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-RateLimit-Remaining": "0"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"},
        {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "90"},
        {"RateLimit-Remaining": "12", "RateLimit-Reset": "90"},
        {"X-RateLimit-Reset": "90"},
        {"Retry-After": "90"},
    ],
)
def test_an_answer_that_leaves_something_or_says_no_time_closes_nothing(
    vendor: Vendor, session: VendorSession, headers: dict[str, str]
) -> None:
    """
    Without both "0" and a moment there is nothing to wait for.
    """
    vendor.says(200, headers)

    session.call("GET", vendor.url)

    assert session.notes.wait is None


def test_a_later_answer_does_not_take_a_wait_back_but_a_new_call_does(
    vendor: Vendor, session: VendorSession
) -> None:
    """
    One call may make several requests: what any of them said holds until the next call.
    """
    vendor.says(200, FORMS["draft's"]())
    session.call("GET", vendor.url)
    vendor.says(200, {"RateLimit-Remaining": "5"})
    session.call("GET", vendor.url)

    assert session.notes.wait == SOON
    session.notes.clear()
    assert session.notes.wait is session.notes.sent is session.notes.answered is None


# The headers alone


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "Sun, 01 Mar 2026 12:01:30 GMT"}, 90),
        ({"Retry-After": "Sun, 01 Mar 2026 13:01:30 +0100"}, 90),
        ({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "Sunday, 01-Mar-26 12:01:30 GMT"}, 90),
        ({"Retry-After": "Sun Mar  1 12:01:30 2026"}, 90),
        ({"Retry-After": "Sun, 01 Mar 2026 12:01:30 -0000"}, 90),
        ({"Retry-After": "Sun, 01 Mar 2026 12:01:30"}, 90),
        ({"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"Retry-After": "Mon, 01 Jan 2026 00:00:00 +99999999999999999999"}, None),
        ({"Retry-After": "in a while"}, None),
        ({"X-RateLimit-Reset": str(int(NOON.timestamp()) + 90)}, 90),
        ({"X-RateLimit-Reset": str(int(NOON.timestamp()) - 90)}, 0),
        ({"X-RateLimit-Reset": "90"}, 90),
        ({"X-RateLimit-RetryAfter": str(int(NOON.timestamp()) + 90)}, 90),
        ({"X-RateLimit-RetryAfter": "30", "X-RateLimit-Reset": "90"}, 30),
        ({"RateLimit-Reset": "90"}, 90),
        ({"X-RateLimit-Reset": "tomorrow"}, None),
    ],
)
def test_each_form_is_read_as_it_is_meant(headers: dict[str, str], seconds: int | None) -> None:
    """
    Seconds, dates of RFC 9110 and resets of both kinds; a moment that has passed is no wait.
    """
    wanted = None if seconds is None else timedelta(seconds=seconds)

    assert retry_after(headers, now=NOON) == wanted
    left = nothing_left({"X-RateLimit-Remaining": "0", **headers}, now=NOON)
    assert left == (wanted or None)
