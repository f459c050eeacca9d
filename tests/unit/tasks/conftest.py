"""
What every vendor room's tests stand on: a running lab, and a context to call an action with.

In: nothing. Out: ``lab`` (one per test file), ``context``, a factory of action contexts, and
``saying`` and ``astray``, sessions to vendors that answer as the lab never does.
Never: an address other than loopback, or a switch that one test leaves on for the next.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from soar.connector import ActionContext, AssetConfig, VendorSession
from soar.lab.server import LabServer, build

ContextFactory = Callable[..., ActionContext]


class SayingSession(VendorSession):
    """A session to a vendor that gives the same answer to everything."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.answer = requests.Response()
        self.answer.status_code = status
        self.answer.headers.update(headers)
        text = body if isinstance(body, str) else json.dumps(body)
        self.answer._content = text.encode()

    def call(
        self, method: str, url: str, *, writes: bool | None = None, **kwargs: Any
    ) -> requests.Response:
        """Answer as the test said."""
        return self.answer


class AstrayAdapter(HTTPAdapter):
    """A wire on which every request is answered with a redirect to another host."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        """Write the request down and redirect its sender."""
        self.sent.append(request)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 302, request.url or "", request
        answer.headers["Location"] = f"https://elsewhere.example/{len(self.sent)}"
        answer.raw = io.BytesIO()
        return answer


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """
    The lab, serving on free loopback ports while the tests of one file run.
    """
    server = build(tmp_path_factory.mktemp("lab")).start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _every_test_starts_without_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "lab" in request.fixturenames:
        server: LabServer = request.getfixturevalue("lab")
        with server.lab.lock:
            server.lab.faults.clear()


@pytest.fixture
def context(lab: LabServer) -> Iterator[ContextFactory]:
    """
    Makes an action's context: ``context({"base_url": lab.tls_url, ...}, "virustotal_lab")``.

    The session trusts the lab's own certificate; further arguments (``key``, ``now``,
    ``state``, ``container_id``, another ``http``) go to the :class:`ActionContext` as they are.
    """
    sessions: list[VendorSession] = []

    def make(
        config: Mapping[str, Any] | None = None, slug: str = "lab_asset", **more: Any
    ) -> ActionContext:
        sessions.append(more.pop("http", None) or VendorSession(ca_file=str(lab.certificate)))
        asset = AssetConfig(slug=slug, values=dict(config or {}))
        more.setdefault("key", "run-1:action-1:parameters")
        return ActionContext(asset=asset, http=sessions[-1], **more)

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def saying() -> Callable[..., VendorSession]:
    """
    Makes a session that answers ``saying(429, {"error": …}, {"Retry-After": "7"})`` to any call.
    """

    def make(
        status: int, body: Any = "", headers: Mapping[str, str] | None = None
    ) -> VendorSession:
        return SayingSession(status, body, headers or {})

    return make


@pytest.fixture
def astray() -> tuple[VendorSession, list[requests.PreparedRequest]]:
    """
    A session whose every request is redirected to another host, and the requests it sent.
    """
    session, adapter = VendorSession(), AstrayAdapter()
    session.mount("https://", adapter)
    return session, adapter.sent
