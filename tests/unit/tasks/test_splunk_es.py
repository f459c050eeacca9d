"""
Splunk Enterprise Security's room against the simulated search head.

In: the running lab. Out: proof that a notable is commented once and every answer has its failure.
Never: a real search head.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from soar.connector import (
    ActionContext,
    ActionFailed,
    BadCredentials,
    OutcomeUnknown,
    Output,
    Params,
    RetryLater,
    Secret,
)
from soar.lab.server import LabServer
from soar.lab.simulator import Fault
from soar.lab.vendors.splunk_es import SplunkES, known_notables
from soar.lab.world import World
from soar.tasks.splunk_es import actions
from soar.tasks.splunk_es.client import SearchHead
from soar.tasks.splunk_es.poll import container_from_notable

Open = Callable[..., ActionContext]
WORLD = World()
FIRST, SECOND, THIRD, _FOURTH = known_notables(WORLD)
KEY = "run-1:action-1:0f0f"
UPDATE, SEARCH = "/services/notable_update", "/services/search/jobs/export"


@pytest.fixture
def search_head(lab: LabServer) -> SplunkES:
    """The simulated search head, with its notables as they were found."""
    found = next(s for s in lab.lab.simulators if isinstance(s, SplunkES))
    found.notables, found.limited = known_notables(WORLD), 0
    found.capabilities = ("search", "edit_notable_events")
    found.history.clear()
    lab.lab.arrivals.clear()
    return found


@pytest.fixture
def open_asset(
    lab: LabServer, search_head: SplunkES, context: Callable[..., ActionContext]
) -> Open:
    """Makes the context of one call, with settings of the asset changed by name."""

    def make(**settings: Any) -> ActionContext:
        values = {"base_url": lab.tls_url, "token": Secret(WORLD.keys["splunk_token"])}
        return context({**values, **settings}, "splunk_prod", key=KEY)

    return make


def closing(*event_ids: str, **more: Any) -> Params:
    """The parameters of an update that closes notables with a comment."""
    given = {"event_ids": ",".join(event_ids), "status": "closed", "comment": "URL blocked"}
    return Params({**given, **more})


def verify(ctx: ActionContext, params: Params) -> Output | None:
    """Ask what the engine asks after a lost answer."""
    function: Any = actions.update_event
    found: Output | None = function.__soar_verify__(ctx, params)
    return found


def switch_on(lab: LabServer, kind: str, path: str, value: float = 0.0) -> None:
    """Let the next request of that path go wrong."""
    lab.lab.faults.append(Fault(vendor="splunk_es", kind=kind, path=path, value=value))


def test_a_notable_is_updated(open_asset: Open, search_head: SplunkES) -> None:
    """
    Status, urgency, owner, disposition and the signed comment reach the notable.
    """
    params = closing(FIRST, urgency="High", owner="ada", disposition="1")

    output = actions.update_event(open_asset(), params)

    notable = search_head.state()["notables"][FIRST]
    assert output.message == "1 notable updated"
    assert output.summary["event_ids"] == [FIRST]
    assert (notable["status"], notable["urgency"], notable["owner"]) == ("5", "high", "ada")
    assert notable["disposition"] == "disposition:1"
    assert notable["comment"] == f"URL blocked [soar:{KEY}]"


@pytest.mark.parametrize("given", [f"{FIRST}, {SECOND}", [FIRST, SECOND, FIRST]])
def test_several_notables_are_updated_together(
    open_asset: Open, search_head: SplunkES, given: Any
) -> None:
    """
    Ids with commas between them, or a list, are one update, each id once.
    """
    output = actions.update_event(open_asset(), Params({"event_ids": given, "status": "pending"}))

    assert output.message == "2 notables updated"
    assert [review["event_id"] for review in search_head.history] == [FIRST, SECOND]


def test_a_user_with_a_password_may_update(open_asset: Open, search_head: SplunkES) -> None:
    """
    An asset without a token signs in as its user.
    """
    password = Secret(WORLD.keys["splunk_token"])
    ctx = open_asset(token=None, username="soar", password=password)

    assert actions.update_event(ctx, closing(FIRST)).message == "1 notable updated"


def test_the_same_call_twice_comments_once(open_asset: Open, search_head: SplunkES) -> None:
    """
    A second delivery finds its own marker and sends no update.
    """
    actions.update_event(open_asset(), closing(FIRST))
    again = actions.update_event(open_asset(), closing(FIRST))

    assert again.message == "1 notable updated"
    assert len(search_head.history) == 1


def test_a_repeat_updates_only_what_is_missing(open_asset: Open, search_head: SplunkES) -> None:
    """
    Of several notables only those without the marker are updated again.
    """
    actions.update_event(open_asset(), closing(FIRST))
    actions.update_event(open_asset(), closing(FIRST, SECOND))

    assert [review["event_id"] for review in search_head.history] == [FIRST, SECOND]


def test_a_lost_answer_ends_with_one_comment(
    lab: LabServer, open_asset: Open, search_head: SplunkES
) -> None:
    """
    When the update's answer is lost, the verification finds the marker in the comment.
    """
    switch_on(lab, "lost_answer", UPDATE)
    with pytest.raises(OutcomeUnknown):
        actions.update_event(open_asset(), closing(FIRST))

    found = verify(open_asset(), closing(FIRST))

    assert found is not None
    assert found.message == "1 notable updated"
    assert len(search_head.history) == 1


def test_a_cut_before_the_update_is_verified_as_not_done(
    lab: LabServer, open_asset: Open, search_head: SplunkES
) -> None:
    """
    When nothing reached the search head, the verification says so.
    """
    switch_on(lab, "reset", UPDATE)
    with pytest.raises(OutcomeUnknown):
        actions.update_event(open_asset(), closing(FIRST))

    assert verify(open_asset(), closing(FIRST)) is None


def test_a_lost_search_is_no_lost_write(
    lab: LabServer, open_asset: Open, search_head: SplunkES
) -> None:
    """
    The search is a POST that changes nothing: its loss is a plain RetryLater.
    """
    switch_on(lab, "lost_answer", SEARCH)

    with pytest.raises(RetryLater):
        verify(open_asset(), closing(FIRST))


def test_a_notable_nobody_knows_is_refused(open_asset: Open, search_head: SplunkES) -> None:
    """
    Splunk would accept an unknown id; the action fails before it is sent.
    """
    with pytest.raises(ActionFailed, match="knows no notable nobody@@notable@@1"):
        actions.update_event(open_asset(), closing(FIRST, "nobody@@notable@@1"))

    assert search_head.history == []


@pytest.mark.parametrize(
    "hostile", ['x") | delete', "x`y`", "a|b", '"', "*", "", " , ", "[search index=*]"]
)
def test_a_hostile_event_id_is_refused(
    lab: LabServer, open_asset: Open, search_head: SplunkES, hostile: str
) -> None:
    """
    Text that could be anything but an event_id never becomes part of a search.
    """
    with pytest.raises(ActionFailed):
        actions.update_event(open_asset(), closing(hostile))

    assert lab.lab.log("splunk_es") == []


@pytest.mark.parametrize(
    ("name", "value"), [("status", "done"), ("urgency", "extreme"), ("disposition", "true")]
)
def test_a_value_of_no_list_is_refused(
    open_asset: Open, search_head: SplunkES, name: str, value: str
) -> None:
    """
    A status, urgency or disposition that Splunk does not know fails with what it may be.
    """
    with pytest.raises(ActionFailed, match=name):
        actions.update_event(open_asset(), closing(FIRST, **{name: value}))


def test_an_update_of_nothing_is_refused(open_asset: Open, search_head: SplunkES) -> None:
    """
    An update without a field fails with the list of fields.
    """
    with pytest.raises(ActionFailed, match="nothing to update"):
        actions.update_event(open_asset(), Params({"event_ids": FIRST}))


def test_a_refusal_with_http_200_is_a_failure(open_asset: Open, search_head: SplunkES) -> None:
    """
    The body decides: success false fails the action with Splunk's own sentence.
    """
    with pytest.raises(ActionFailed, match="refused the update: Status 77 is not valid"):
        actions.update_event(open_asset(), closing(FIRST, status="77"))


def test_a_missing_capability_is_a_failure(open_asset: Open, search_head: SplunkES) -> None:
    """
    403 is a missing right of a user whose token is good, and connectivity says which one.
    """
    search_head.capabilities = ("search",)

    with pytest.raises(ActionFailed, match="insufficient permission"):
        actions.update_event(open_asset(), closing(FIRST))
    with pytest.raises(ActionFailed, match="lacks the capability edit_notable_events"):
        actions.test_connectivity(open_asset(), Params({}))


def test_connectivity_names_the_user(open_asset: Open, search_head: SplunkES) -> None:
    """
    The test says who the token is and that it may edit notables.
    """
    output = actions.test_connectivity(open_asset(), Params({}))

    assert output.message == "Splunk answers: soar may edit notables"


def test_a_wrong_token_is_bad_credentials_and_stays_secret(
    open_asset: Open, search_head: SplunkES
) -> None:
    """
    401 marks the asset; neither the message nor the client's repr holds the token.
    """
    ctx = open_asset(token=Secret("t0ken-wrong"))

    with pytest.raises(BadCredentials) as refused:
        actions.update_event(ctx, closing(FIRST))

    assert "t0ken-wrong" not in str(refused.value) + repr(SearchHead.of(ctx))


def test_an_asset_without_credentials_says_what_to_set(
    open_asset: Open, search_head: SplunkES
) -> None:
    """
    An asset with neither token nor user asks for the token.
    """
    with pytest.raises(BadCredentials, match="has no 'token'"):
        actions.update_event(open_asset(token=None), closing(FIRST))


def test_too_many_requests_wait_as_long_as_the_header_says(
    open_asset: Open, search_head: SplunkES
) -> None:
    """
    429 parks the action for the seconds of Retry-After.
    """
    search_head.limited = 1

    with pytest.raises(RetryLater) as later:
        actions.update_event(open_asset(), closing(FIRST))

    assert later.value.after == timedelta(seconds=11)


@pytest.mark.parametrize(
    ("status", "path", "failure"),
    [
        (429, UPDATE, RetryLater),
        (503, UPDATE, RetryLater),
        (500, UPDATE, OutcomeUnknown),
        (200, UPDATE, OutcomeUnknown),
        (404, UPDATE, ActionFailed),
        (302, UPDATE, ActionFailed),
        (401, UPDATE, BadCredentials),
        (500, SEARCH, RetryLater),
        (503, SEARCH, RetryLater),
        (200, SEARCH, RetryLater),
        (400, SEARCH, ActionFailed),
    ],
)
def test_every_answer_is_the_failure_it_stands_for(
    lab: LabServer,
    open_asset: Open,
    search_head: SplunkES,
    status: int,
    path: str,
    failure: type[Exception],
) -> None:
    """
    A status, or a success that is no JSON, is named by what the engine does next.
    """
    switch_on(lab, "status", path, value=status)

    with pytest.raises(failure):
        actions.update_event(open_asset(), closing(FIRST))


def test_a_search_that_ends_early_is_not_an_absence(
    open_asset: Open, search_head: SplunkES, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A FATAL or ERROR message within the results means ask again, never "not done".
    """
    early = json.dumps({"messages": [{"type": "FATAL", "text": "a peer is down"}]})
    search_head.notables[FIRST]["comment"] = ["first", "second"]
    monkeypatch.setattr("soar.tasks.splunk_es.client.SearchHead._send", _answering(early))

    with pytest.raises(RetryLater, match="a peer is down"):
        verify(open_asset(), closing(FIRST))


def _answering(text: str) -> Callable[..., Any]:
    reply = type("Reply", (), {"text": text})
    return lambda *given, **more: reply


def test_a_notable_becomes_an_alert() -> None:
    """
    Event id, title, urgency and the CEF names of who, where and what reach the alert.
    """
    notable = known_notables(WORLD)[FIRST] | {"description": "A link was clicked"}

    alert = container_from_notable(notable)

    assert {name: alert[name] for name in ("name", "label", "severity", "description")} == {
        "name": "Phishing link clicked",
        "label": "notable",
        "severity": "high",
        "description": "A link was clicked",
    }
    assert alert["source_data_identifier"] == FIRST
    assert alert["data"] == notable
    assert [artifact["cef"] for artifact in alert["artifacts"]] == [
        {
            "sourceAddress": "10.20.30.42",
            "sourceHostName": "WORKSTATION-042",
            "sourceUserName": "jdoe",
            "destinationAddress": "203.0.113.66",
            "destinationDnsDomain": "evil.example",
            "requestURL": "http://login-portal.evil.example/verify",
            "deviceEventCategory": "threat",
            "startTime": "2026-03-02T08:10:00.000+00:00",
        }
    ]


def test_a_host_name_in_an_address_field_is_a_host_name() -> None:
    """
    Splunk's src and dest hold whatever the log had; a name never becomes an address.
    """
    cef = container_from_notable(known_notables(WORLD)[SECOND])["artifacts"][0]["cef"]

    assert cef["destinationHostName"] == "WORKSTATION-042"
    assert "destinationAddress" not in cef


def test_each_value_of_a_field_gets_an_artifact() -> None:
    """
    A notable with two users brings two artifacts with ids of their own.
    """
    artifacts = container_from_notable(known_notables(WORLD)[THIRD])["artifacts"]

    assert [a["cef"]["sourceUserName"] for a in artifacts] == ["jdoe", "rroe"]
    assert len({a["source_data_identifier"] for a in artifacts}) == 2
    assert "sourceAddress" not in artifacts[1]["cef"]


def test_a_user_beside_a_source_user_is_the_target() -> None:
    """
    With a src_user, ES means the account that was acted upon by user.
    """
    notable = {"event_id": "e1", "src_user": "mallory", "user": "jdoe"}

    cef = container_from_notable(notable)["artifacts"][0]["cef"]

    assert cef == {"sourceUserName": "mallory", "destinationUserName": "jdoe"}


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({"urgency": "informational"}, "low"),
        ({"urgency": "critical", "severity": "low"}, "critical"),
        ({"urgency": "", "severity": "HIGH"}, "high"),
        ({"urgency": "strange"}, "medium"),
        ({}, "medium"),
    ],
)
def test_urgency_decides_the_severity(fields: dict[str, str], severity: str) -> None:
    """
    Urgency wins over severity, and what is unknown is medium.
    """
    assert container_from_notable({"event_id": "e1", **fields})["severity"] == severity


def test_a_bare_notable_still_has_an_artifact() -> None:
    """
    A notable without any known field becomes an alert with one empty artifact.
    """
    alert = container_from_notable({"event_id": "e1"})

    assert alert["name"] == "Splunk notable"
    assert [artifact["cef"] for artifact in alert["artifacts"]] == [{}]


def test_a_notable_without_an_id_is_refused() -> None:
    """
    Without an event_id a repeat could not be recognised, so it is a failure.
    """
    with pytest.raises(ActionFailed, match="no event_id"):
        container_from_notable({"rule_title": "x"})
