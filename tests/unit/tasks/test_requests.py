"""
What a call costs: the requests that reach a vendor, counted at the lab's door.

In: the running lab, and each action in its longest ordinary form. Out: proof that the budget is
charged what the vendor sees. Never: a token's renewal counted; it serves half an hour of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from soar import catalog
from soar.catalog import ActionSpec
from soar.connector import ActionContext, Output, Params, RetryLater, Secret, VendorSession
from soar.lab.server import LabServer
from soar.lab.vendors.crowdstrike import CrowdStrike
from soar.lab.vendors.palo_alto import PaloAlto
from soar.lab.vendors.servicenow import ServiceNow
from soar.lab.vendors.splunk_es import SplunkES, known_notables
from soar.lab.world import BAD_HASH, World
from soar.tasks.binding import function_of
from soar.tasks.palo_alto.targets import url_entry

WORLD = World()
KEYS = WORLD.keys
NAME = WORLD.hosts[0].hostname
BAD_IP, BAD_URL = "203.0.113.66", next(iter(WORLD.urls))
TOKEN = "/oauth2/token"

ASSETS: Mapping[str, Mapping[str, Any]] = {
    "abuseipdb": {"api_key": Secret(KEYS["abuseipdb"])},
    "crowdstrike": {
        "client_id": KEYS["crowdstrike_id"],
        "client_secret": Secret(KEYS["crowdstrike_secret"]),
    },
    "palo_alto": {"api_key": Secret(KEYS["palo_alto"])},
    "servicenow": {
        "username": KEYS["servicenow_user"],
        "password": Secret(KEYS["servicenow_password"]),
    },
    "splunk_es": {"token": Secret(KEYS["splunk_token"])},
    "virustotal": {"api_key": Secret(KEYS["virustotal"])},
    "whois": {},
}
ELSEWHERE = {"active_directory": "LDAP", "maxmind": "a file"}
"""Apps that send no HTTP request."""
LAB_NAMES = {"whois": "rdap"}
PATHS = {"whois": "/rdap.org"}  # the bootstrap, as on an asset without a base_url

Open = Callable[[str], ActionContext]
Look = Callable[[ActionContext, Params], Output | None]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a test may set up before its action is called."""

    lab: LabServer
    patch: pytest.MonkeyPatch
    opened: Open

    def simulator(self, kind: type[Any]) -> Any:
        """Return the simulated vendor of that class."""
        return next(s for s in self.lab.lab.simulators if isinstance(s, kind))

    def call(self, app: str, action: str, parameters: Mapping[str, Any]) -> None:
        """Call an action; one that has to wait has done its part."""
        spec = catalog.load().app(app).action(action)
        assert spec
        with suppress(RetryLater):
            function_of(spec)(self.opened(app), Params(parameters))


@dataclass(frozen=True, kw_only=True)
class Longest:
    """An action's longest form: what it is given, and what happened at its vendor before."""

    given: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[Stage], None] = lambda stage: None


def host_moves(start: str, end: str) -> Callable[[Stage], None]:
    """Let somebody else move the host between our look at it and our request."""

    def prepare(stage: Stage) -> None:
        tenant = stage.simulator(CrowdStrike)
        sensor, own = tenant.sensors[WORLD.hosts[0].device_id], tenant._turned_away
        sensor.status = start

        def conflict(request: Request) -> Response | None:
            if "devices-actions" in request.path:
                sensor.status = end
            found: Response | None = own(request)
            return found

        stage.patch.setattr(tenant, "_turned_away", conflict)

    return prepare


def blocked(stage: Stage) -> None:
    """Tag the address, so that the device says "already exists" and its tags are read."""
    stage.call("palo_alto", "block ip", {"ip": BAD_IP})


def runs_but_was_taken_out(stage: Stage) -> None:
    """Block the URL for good, then let somebody take it out of the candidate."""
    configuration = stage.simulator(PaloAlto).configuration
    stage.call("palo_alto", "block url", {"url": BAD_URL})
    while configuration.head:
        configuration.look()
    somebody_edits(stage, present=False)


def somebody_edits(stage: Stage, *, present: bool) -> None:
    """Edit the candidate as alice; whoever edits it back leaves nothing to commit."""
    configuration = stage.simulator(PaloAlto).configuration
    entry = url_entry(BAD_URL)
    configuration.edit(("vsys1", "soar-blocked-urls"), entry, present=present, admin="alice")
    stage.patch.setattr(type(configuration), "commit", lambda *_, **__: None)


def with_a_ticket(stage: Stage) -> None:
    """Open the first ticket of the instance."""
    stage.call("servicenow", "create ticket", {"short_description": "Phishing"})


LONGEST: Mapping[str, Longest] = {
    "abuseipdb.ip_reputation": Longest(given={"ip": BAD_IP}),
    "crowdstrike.get_device_info": Longest(given={"hostname": NAME}),
    "crowdstrike.quarantine_device": Longest(
        given={"hostname": NAME}, before=host_moves("normal", "contained")
    ),
    "crowdstrike.unquarantine_device": Longest(
        given={"hostname": NAME}, before=host_moves("contained", "normal")
    ),
    "palo_alto.block_ip": Longest(given={"ip": BAD_IP}, before=blocked),
    "palo_alto.unblock_ip": Longest(given={"ip": BAD_IP}),
    "palo_alto.block_url": Longest(given={"url": BAD_URL}, before=runs_but_was_taken_out),
    "palo_alto.unblock_url": Longest(
        given={"url": BAD_URL}, before=lambda stage: somebody_edits(stage, present=True)
    ),
    "servicenow.create_ticket": Longest(given={"short_description": "Phishing"}),
    "servicenow.update_ticket": Longest(
        given={"id": "INC0012345", "work_notes": "seen", "state": "2"}, before=with_a_ticket
    ),
    "servicenow.get_ticket": Longest(given={"id": "INC0012345"}, before=with_a_ticket),
    "splunk_es.update_event": Longest(
        given={"event_ids": ",".join(known_notables(WORLD)), "status": "closed"}
    ),
    "virustotal.url_reputation": Longest(given={"url": BAD_URL}),
    "virustotal.file_reputation": Longest(given={"hash": BAD_HASH}),
    "virustotal.ip_reputation": Longest(given={"ip": BAD_IP}),
    "virustotal.domain_reputation": Longest(given={"domain": "evil.example"}),
    "whois.whois_ip": Longest(given={"ip": BAD_IP}),
    "whois.whois_domain": Longest(given={"domain": "www.evil.example"}),
}
"""Every action but "test connectivity", which has one form only."""

CALLS = [spec for spec in catalog.load().actions if spec.app in ASSETS]
VERIFIED = [spec for spec in CALLS if getattr(function_of(spec), "__soar_verify__", None)]


def name_of(spec: ActionSpec) -> str:
    """Return ``app.function``."""
    return f"{spec.app}.{spec.function}"


@pytest.fixture
def stage(
    lab: LabServer, context: Callable[..., ActionContext], monkeypatch: pytest.MonkeyPatch
) -> Stage:
    """
    The lab's vendors as if nobody had talked to them; each call opens its asset anew.
    """
    calls = iter(range(100))

    def opened(app: str) -> ActionContext:
        config = {"base_url": lab.tls_url + PATHS.get(app, ""), **ASSETS[app]}
        return context(config, app, key=f"run-1:{app}:{next(calls)}")

    made = Stage(lab=lab, patch=monkeypatch, opened=opened)
    for kind in (CrowdStrike, PaloAlto):
        made.simulator(kind).reset()
    made.simulator(ServiceNow).tables["incident"].clear()
    made.simulator(SplunkES).notables = known_notables(WORLD)
    return made


def requests_of(stage: Stage, spec: ActionSpec, look: Look) -> int:
    """Call with a new context (a process without memory) and count what reached the vendor."""
    vendor, form = LAB_NAMES.get(spec.app, spec.app), LONGEST.get(name_of(spec), Longest())
    before = len(stage.lab.lab.log(vendor))
    with suppress(RetryLater):
        look(stage.opened(spec.app), Params(form.given))
    return sum(arrival["path"] != TOKEN for arrival in stage.lab.lab.log(vendor)[before:])


def test_every_app_is_counted_here_or_sends_no_http() -> None:
    """
    A new vendor's room comes with the longest form of each of its actions.
    """
    assert {app.slug for app in catalog.load().apps} == {*ASSETS, *ELSEWHERE}
    assert {name_of(s) for s in CALLS if s.kind != "test"} == {*LONGEST}


@pytest.mark.parametrize("spec", CALLS, ids=name_of)
def test_a_call_takes_from_the_budget_what_it_sends(stage: Stage, spec: ActionSpec) -> None:
    """
    The longest form of each action makes the requests of its manifest: no more and no fewer.
    """
    LONGEST.get(name_of(spec), Longest()).before(stage)

    made = requests_of(stage, spec, function_of(spec))

    assert made == spec.requests


@pytest.mark.parametrize("spec", VERIFIED, ids=name_of)
def test_a_look_at_the_effect_sends_no_more_than_the_call(stage: Stage, spec: ActionSpec) -> None:
    """
    Each return to a change under way is charged like the call, and makes no more requests.
    """
    LONGEST.get(name_of(spec), Longest()).before(stage)
    stage.patch.undo()
    requests_of(stage, spec, function_of(spec))

    made = requests_of(stage, spec, getattr(function_of(spec), "__soar_verify__"))  # noqa: B009

    assert 0 < made <= spec.requests


def test_the_fence_is_asked_before_each_request(lab: LabServer) -> None:
    """
    A fence that lets nothing pass stops reads as well: who has the call now asks, too.
    """
    session = VendorSession()

    def fence() -> None:
        raise RetryLater("its lease is lost")

    session.notes.clear(fence)
    before = len(lab.lab.log())

    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for writes in (None, False, True):
            with pytest.raises(RetryLater):
                session.call(verb, f"{lab.url}/oauth2/token", writes=writes)
    assert len(lab.lab.log()) == before


def test_the_fence_is_asked_again_when_the_connection_stands(lab: LabServer) -> None:
    """
    Making a connection takes time, with TLS most of all: a lease that is lost meanwhile counts.
    """
    session = VendorSession(ca_file=str(lab.certificate))
    asked: list[int] = []

    def fence() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise RetryLater("its lease is lost")

    session.notes.clear(fence)
    before = len(lab.lab.log())

    with pytest.raises(RetryLater, match="lease"):
        session.call("POST", f"{lab.tls_url}/oauth2/token")
    assert len(lab.lab.log()) == before
