"""
AbuseIPDB's room against the lab's AbuseIPDB: each answer ends in the right failure or report.

In: the running lab. Out: nothing. Never: the real AbuseIPDB.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from soar import catalog
from soar.connector import ActionContext, Params, RetryLater, Secret
from soar.domain.errors import ActionError, ActionFailed, BadCredentials
from soar.lab.server import LabServer
from soar.lab.simulator import Fault
from soar.lab.vendors.abuseipdb import AbuseIPDB
from soar.lab.world import World
from soar.tasks.abuseipdb import actions

KEY = World().keys["abuseipdb"]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

Open = Callable[..., ActionContext]


@pytest.fixture
def simulator(lab: LabServer) -> AbuseIPDB:
    """
    The lab's AbuseIPDB at noon of a quiet day.
    """
    found = next(s for s in lab.lab.simulators if isinstance(s, AbuseIPDB))
    found.now, found.day, found.checks = (lambda: NOON), NOON.date(), 0
    found.daily_limit = 1000
    return found


@pytest.fixture
def abuseipdb(context: Any, lab: LabServer, simulator: AbuseIPDB) -> Open:
    """
    Opens an asset that points at the lab over TLS with a good key.
    """

    def make(http: Any = None, **config: Any) -> ActionContext:
        values = {"api_key": Secret(KEY), "base_url": lab.tls_url, **config}
        made: ActionContext = context(values, "abuseipdb_lab", http=http)
        return made

    return make


def test_an_abusive_address_comes_with_its_confidence(abuseipdb: Open) -> None:
    """
    The confidence is the line, and the summary holds the vendor's fields.
    """
    output = actions.ip_reputation(abuseipdb(), Params({"ip": "203.0.113.66"}))

    assert output.message == "Confidence: 85%"
    assert output.summary == {
        "abuse_confidence_score": 85,
        "total_reports": 312,
        "country_code": "NL",
        "isp": "Example Bulletproof Hosting",
        "is_public": True,
        "is_whitelisted": False,
    }
    assert output.data[0]["abuseConfidenceScore"] == 85


def test_an_address_that_nobody_reported_says_so(abuseipdb: Open) -> None:
    """
    AbuseIPDB answers about every address: no reports, no confidence, no country.
    """
    output = actions.ip_reputation(abuseipdb(), Params({"ip": "2001:db8::1"}))

    assert output.message == "Confidence: 0%"
    assert output.summary["total_reports"] == 0
    assert (output.summary["country_code"], output.summary["isp"]) == ("", "")


@pytest.mark.parametrize(("days", "sent"), [(None, "30"), (7, "7"), ("365", "365")])
def test_the_days_reach_abuseipdb(abuseipdb: Open, lab: LabServer, days: Any, sent: str) -> None:
    """
    The number of days goes to AbuseIPDB; without one it is thirty.
    """
    actions.ip_reputation(abuseipdb(), Params({"ip": "203.0.113.66", "days": days}))

    query = lab.lab.log("abuseipdb")[-1]["query"]
    assert query == {"ipAddress": "203.0.113.66", "maxAgeInDays": sent}


def test_test_connectivity_accepts_a_good_key(abuseipdb: Open) -> None:
    """
    With a good key the connection is said to work.
    """
    assert "accepts" in actions.test_connectivity(abuseipdb(), Params({})).message


def test_a_wrong_key_is_bad_credentials_and_stays_secret(abuseipdb: Open) -> None:
    """
    A refused key marks the asset, and no sentence or repr shows the key.
    """
    ctx = abuseipdb(api_key=Secret("quite-wrong-key"))

    with pytest.raises(BadCredentials, match="api_key") as caught:
        actions.test_connectivity(ctx, Params({}))
    assert "quite-wrong-key" not in f"{caught.value!r} {ctx!r} {ctx.asset!r}"


def test_a_spent_day_waits_until_the_vendor_says(abuseipdb: Open, simulator: AbuseIPDB) -> None:
    """
    After the day's last check the action waits for midnight UTC, as Retry-After says.
    """
    simulator.daily_limit = 1
    actions.ip_reputation(abuseipdb(), Params({"ip": "203.0.113.66"}))

    with pytest.raises(RetryLater) as caught:
        actions.ip_reputation(abuseipdb(), Params({"ip": "203.0.113.66"}))
    assert caught.value.after == timedelta(hours=12)

    simulator.now = lambda: NOON + timedelta(days=1)
    assert actions.ip_reputation(abuseipdb(), Params({"ip": "203.0.113.66"})).data


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (302, ActionFailed),
        (400, ActionFailed),
        (401, BadCredentials),
        (402, ActionFailed),
        (403, BadCredentials),
        (404, ActionFailed),
        (422, ActionFailed),
        (429, RetryLater),
        (500, RetryLater),
        (503, RetryLater),
    ],
)
def test_each_status_ends_in_what_we_do_next(
    abuseipdb: Open, lab: LabServer, status: int, failure: type[ActionError]
) -> None:
    """
    Refusals fail, key problems mark the asset, and what passes is asked again.
    """
    lab.lab.faults.append(Fault(vendor="abuseipdb", kind="status", value=status))

    with pytest.raises(failure) as caught:
        actions.ip_reputation(abuseipdb(), Params({"ip": "203.0.113.66"}))
    assert type(caught.value) is failure
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
def test_a_lost_answer_is_asked_again(abuseipdb: Open, lab: LabServer, kind: str) -> None:
    """
    A lookup changes nothing, so a cut connection is simply a reason to ask again.
    """
    lab.lab.faults.append(Fault(vendor="abuseipdb", kind=kind))

    with pytest.raises(RetryLater):
        actions.ip_reputation(abuseipdb(), Params({"ip": "203.0.113.66"}))


def test_abuseipdbs_own_reason_is_told_without_the_key(abuseipdb: Open, saying: Any) -> None:
    """
    A 422 is passed on with AbuseIPDB's words, the key struck out.
    """
    refusal = {"errors": [{"detail": f"{KEY} asks for too much", "status": 422}]}

    with pytest.raises(ActionFailed, match=r"refused the request: \*\*\* asks for too much"):
        actions.ip_reputation(abuseipdb(http=saying(422, refusal)), Params({"ip": "192.0.2.45"}))


def test_the_key_does_not_travel_with_a_redirect(abuseipdb: Open, astray: Any) -> None:
    """
    A redirect is a failure: the other host gets no request, and so no key.
    """
    session, sent = astray

    with pytest.raises(ActionFailed, match="302"):
        actions.test_connectivity(abuseipdb(http=session), Params({}))
    assert [request.headers["Key"] for request in sent] == [KEY]


@pytest.mark.parametrize("body", ["<html>", "[]", {"data": []}, {"errors": "none"}])
def test_an_answer_that_is_no_report_is_a_failure(abuseipdb: Open, saying: Any, body: Any) -> None:
    """
    A login page in AbuseIPDB's place is a failure, never a score of 0.
    """
    with pytest.raises(ActionFailed, match="not a report"):
        actions.ip_reputation(abuseipdb(http=saying(200, body)), Params({"ip": "192.0.2.45"}))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ip", {"ip": "evil.example"}),
        ("ip", {"ip": ""}),
        ("ip", {"ip": "fe80::1%eth0"}),
        ("days", {"ip": "203.0.113.66", "days": 0}),
        ("days", {"ip": "203.0.113.66", "days": 366}),
        ("days", {"ip": "203.0.113.66", "days": "many"}),
    ],
)
def test_an_unusable_parameter_is_refused_before_it_is_sent(
    abuseipdb: Open, lab: LabServer, name: str, parameters: dict[str, Any]
) -> None:
    """
    The sentence names the parameter and its value, and nothing leaves.
    """
    before = len(lab.lab.log("abuseipdb"))

    with pytest.raises(ActionFailed, match=f"parameter '{name}' must be") as caught:
        actions.ip_reputation(abuseipdb(), Params(parameters))
    assert repr(str(parameters[name])) in str(caught.value)
    assert len(lab.lab.log("abuseipdb")) == before


def test_every_action_of_the_manifest_is_a_marked_function() -> None:
    """
    The manifest and the code name the same actions, and the key is sealed.
    """
    app = catalog.load().app("AbuseIPDB")

    assert {spec.function for spec in app.actions} == {
        name for name, value in vars(actions).items() if hasattr(value, "__soar_action__")
    }
    assert app.secrets == {"api_key"}
