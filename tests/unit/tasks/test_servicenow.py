"""
ServiceNow's room against the simulated instance.

In: the running lab. Out: proof that a ticket is opened once and every answer has its failure.
Never: a real instance.
"""

from __future__ import annotations

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
from soar.lab.vendors.servicenow import ServiceNow
from soar.lab.world import World
from soar.tasks.servicenow import actions

Open = Callable[..., ActionContext]
PHISHING = Params({"short_description": "Phishing - Malicious URL detected", "urgency": "2"})
KEYS = World().keys


@pytest.fixture
def instance(lab: LabServer) -> ServiceNow:
    """The simulated instance, with an empty table of tickets."""
    found = next(s for s in lab.lab.simulators if isinstance(s, ServiceNow))
    found.tables["incident"].clear()
    found.limited = 0
    lab.lab.arrivals.clear()
    return found


@pytest.fixture
def open_asset(lab: LabServer, instance: ServiceNow, context: Callable[..., ActionContext]) -> Open:
    """Makes the context of one call, with settings of the asset changed by name."""

    def make(key: str = "run-1:action-1:0f0f", **settings: Any) -> ActionContext:
        values = {
            "base_url": lab.tls_url + "/",
            "username": KEYS["servicenow_user"],
            "password": Secret(KEYS["servicenow_password"]),
        }
        return context({**values, **settings}, "servicenow_prod", key=key)

    return make


def verify(function: Any, ctx: ActionContext, params: Params) -> Output | None:
    """Ask what the engine asks after a lost answer."""
    found: Output | None = function.__soar_verify__(ctx, params)
    return found


def switch_on(lab: LabServer, kind: str, method: str, value: float = 0.0) -> None:
    """Let the next request of that verb go wrong."""
    lab.lab.faults.append(Fault(vendor="servicenow", kind=kind, method=method, value=value))


def writes(lab: LabServer) -> int:
    """Count the requests that would change something."""
    return sum(a.method != "GET" for a in lab.lab.arrivals if a.vendor == "servicenow")


def test_a_ticket_is_opened_with_the_key_of_its_call(
    open_asset: Open, instance: ServiceNow
) -> None:
    """
    A new ticket carries the given fields and the call's key as its correlation_id.
    """
    output = actions.create_ticket(open_asset(), PHISHING)

    ticket = instance.state()["tickets"][0]
    assert output.message == "INC0012345 created"
    assert output.summary == {
        "number": "INC0012345",
        "sys_id": ticket["sys_id"],
        "correlation_id": "run-1:action-1:0f0f",
        "state": "1",
    }
    assert ticket["short_description"] == "Phishing - Malicious URL detected"
    assert ticket["urgency"] == "2"
    assert output.data[0]["display_values"]["state"] == "New"


def test_the_same_call_twice_opens_one_ticket(open_asset: Open, instance: ServiceNow) -> None:
    """
    A second delivery of one call finds the first one's ticket and writes nothing.
    """
    actions.create_ticket(open_asset(), PHISHING)

    again = actions.create_ticket(open_asset(), PHISHING)

    assert again.message == "INC0012345 already exists"
    assert len(instance.state()["tickets"]) == 1


def test_two_calls_open_two_tickets(open_asset: Open, instance: ServiceNow) -> None:
    """
    Calls with different keys never share a ticket.
    """
    actions.create_ticket(open_asset(key="run-1:a:1"), PHISHING)
    other = actions.create_ticket(open_asset(key="run-2:a:1"), PHISHING)

    assert other.message == "INC0012346 created"


def test_a_lost_answer_ends_with_one_ticket(
    lab: LabServer, open_asset: Open, instance: ServiceNow
) -> None:
    """
    When the insert's answer is lost, the verification finds the ticket that was opened.
    """
    switch_on(lab, "lost_answer", "POST")
    with pytest.raises(OutcomeUnknown):
        actions.create_ticket(open_asset(), PHISHING)

    found = verify(actions.create_ticket, open_asset(), PHISHING)

    assert found is not None
    assert found.message == "INC0012345 created"
    assert len(instance.state()["tickets"]) == 1


def test_a_cut_before_the_insert_is_verified_as_not_done(
    lab: LabServer, open_asset: Open, instance: ServiceNow
) -> None:
    """
    When nothing reached the table, the verification says so and the retry opens the ticket.
    """
    switch_on(lab, "reset", "POST")
    with pytest.raises(OutcomeUnknown):
        actions.create_ticket(open_asset(), PHISHING)

    assert verify(actions.create_ticket, open_asset(), PHISHING) is None
    actions.create_ticket(open_asset(), PHISHING)
    assert len(instance.state()["tickets"]) == 1


def test_a_correlation_id_of_the_caller_is_kept(open_asset: Open, instance: ServiceNow) -> None:
    """
    A caller's own correlation_id joins several calls to one ticket.
    """
    params = Params({**PHISHING, "correlation_id": "case-7"})
    actions.create_ticket(open_asset(key="a"), params)

    again = actions.create_ticket(open_asset(key="b"), params)

    assert again.summary["correlation_id"] == "case-7"
    assert len(instance.state()["tickets"]) == 1


def test_a_long_key_is_shortened_the_same_way_each_time(
    open_asset: Open, instance: ServiceNow
) -> None:
    """
    A key beyond the field's 100 characters becomes a digest, so that it is found again.
    """
    actions.create_ticket(open_asset(key="k" * 101), PHISHING)
    actions.create_ticket(open_asset(key="k" * 101), PHISHING)

    tickets = instance.state()["tickets"]
    assert len(tickets) == 1
    assert len(tickets[0]["correlation_id"]) == 64


def test_ids_that_differ_in_case_are_two_tickets(open_asset: Open, instance: ServiceNow) -> None:
    """
    ServiceNow compares without case, we do not: another id's ticket is never taken for ours.
    """
    actions.create_ticket(open_asset(), Params({**PHISHING, "correlation_id": "CASE-7"}))
    actions.create_ticket(open_asset(), Params({**PHISHING, "correlation_id": "case-7"}))

    assert len(instance.state()["tickets"]) == 2


@pytest.mark.parametrize(
    "hostile", ["x^ORnumberISNOTEMPTY", "javascript:gs.getUserID()", "a\nb", "x" * 101]
)
def test_a_hostile_correlation_id_is_refused(
    lab: LabServer, open_asset: Open, instance: ServiceNow, hostile: str
) -> None:
    """
    A value that would change the query is refused before anything is sent.
    """
    with pytest.raises(ActionFailed):
        actions.create_ticket(open_asset(), Params({**PHISHING, "correlation_id": hostile}))

    assert lab.lab.log("servicenow") == []


def test_a_table_that_ignores_the_query_is_refused(
    lab: LabServer, open_asset: Open, instance: ServiceNow
) -> None:
    """
    A table without correlation_id returns everything; none of it is taken for our ticket.
    """
    with pytest.raises(ActionFailed, match="cannot be searched by 'correlation_id'"):
        actions.create_ticket(open_asset(table="u_plain"), PHISHING)

    assert writes(lab) == 0


@pytest.mark.parametrize("by", ["number", "sys_id"])
def test_a_ticket_is_read_by_number_or_sys_id(
    open_asset: Open, instance: ServiceNow, by: str
) -> None:
    """
    Both names of a ticket lead to it.
    """
    created = actions.create_ticket(open_asset(), PHISHING)

    output = actions.get_ticket(open_asset(), Params({"id": created.summary[by]}))

    assert output.message == "INC0012345 is New"
    assert output.data[0]["short_description"] == "Phishing - Malicious URL detected"


@pytest.mark.parametrize("id", ["INC0099999", "0" * 32])
def test_a_ticket_that_does_not_exist_is_a_failure(
    open_asset: Open, instance: ServiceNow, id: str
) -> None:
    """
    An unknown number or sys_id fails the action.
    """
    with pytest.raises(ActionFailed, match=r"no ticket INC0099999|No Record found"):
        actions.get_ticket(open_asset(), Params({"id": id}))


@pytest.mark.parametrize("id", ["INC1^ORnumberISNOTEMPTY", "../../sys_user", "x", ""])
def test_an_id_of_no_known_form_is_refused(
    lab: LabServer, open_asset: Open, instance: ServiceNow, id: str
) -> None:
    """
    What is neither a number nor a sys_id never reaches a query or a path.
    """
    with pytest.raises(ActionFailed, match="neither a ticket number"):
        actions.get_ticket(open_asset(), Params({"id": id}))

    assert lab.lab.log("servicenow") == []


def test_a_ticket_is_updated(open_asset: Open, instance: ServiceNow) -> None:
    """
    An update sets the given fields and signs its work note with the call's key.
    """
    actions.create_ticket(open_asset(), PHISHING)
    update = Params({"id": "inc0012345", "state": "2", "work_notes": "URL blocked"})

    output = actions.update_ticket(open_asset(key="k2"), update)

    assert output.message == "INC0012345 updated"
    assert output.summary["state"] == "2"
    assert instance.state()["tickets"][0]["work_notes"] == "URL blocked [soar:k2]\n\n"


def test_a_lost_update_adds_its_work_note_once(
    lab: LabServer, open_asset: Open, instance: ServiceNow
) -> None:
    """
    After a lost answer the work note's marker shows that the update took effect.
    """
    actions.create_ticket(open_asset(), PHISHING)
    update = Params({"id": "INC0012345", "work_notes": "URL blocked"})
    assert verify(actions.update_ticket, open_asset(), update) is None

    switch_on(lab, "lost_answer", "PATCH")
    with pytest.raises(OutcomeUnknown):
        actions.update_ticket(open_asset(), update)

    assert verify(actions.update_ticket, open_asset(), update) is not None
    assert instance.state()["tickets"][0]["work_notes"].count("URL blocked") == 1


def test_a_lost_update_without_a_note_is_verified_by_its_fields(
    lab: LabServer, open_asset: Open, instance: ServiceNow
) -> None:
    """
    Fields that already stand as wanted, stored or as shown, prove the update.
    """
    actions.create_ticket(open_asset(), PHISHING)

    done = verify(actions.update_ticket, open_asset(), Params({"id": "INC0012345", "state": "New"}))
    missing = verify(
        actions.update_ticket, open_asset(), Params({"id": "INC0012345", "state": "7"})
    )

    assert done is not None
    assert missing is None


def test_an_update_of_nothing_is_refused(open_asset: Open, instance: ServiceNow) -> None:
    """
    An update without a field fails with the list of fields.
    """
    with pytest.raises(ActionFailed, match="nothing to update"):
        actions.update_ticket(open_asset(), Params({"id": "INC0012345"}))


def test_connectivity_reads_the_table(open_asset: Open, instance: ServiceNow) -> None:
    """
    The test reads one record with the asset's user.
    """
    output = actions.test_connectivity(open_asset(), Params({}))

    assert output.message == "ServiceNow answers: table incident is readable"


def test_a_wrong_password_is_bad_credentials_and_stays_secret(
    open_asset: Open, instance: ServiceNow
) -> None:
    """
    401 marks the asset, and its message holds no credential.
    """
    with pytest.raises(BadCredentials) as refused:
        actions.test_connectivity(open_asset(password=Secret("pa55-wrong")), Params({}))

    assert "pa55-wrong" not in str(refused.value)


def test_an_operation_that_is_not_allowed_is_a_failure(
    open_asset: Open, instance: ServiceNow
) -> None:
    """
    403 is a rule against this operation: the action fails with ServiceNow's own sentence.
    """
    with pytest.raises(ActionFailed, match=r"\(403\): Operation Failed: ACL Exception"):
        actions.create_ticket(open_asset(table="problem"), PHISHING)


def test_an_unknown_table_is_a_failure(open_asset: Open, instance: ServiceNow) -> None:
    """
    400 fails the action with ServiceNow's own sentence.
    """
    with pytest.raises(ActionFailed, match=r"\(400\): Invalid table u_nothing"):
        actions.test_connectivity(open_asset(table="u_nothing"), Params({}))


def test_too_many_requests_wait_as_long_as_the_header_says(
    open_asset: Open, instance: ServiceNow
) -> None:
    """
    429 parks the action for the seconds of Retry-After.
    """
    instance.limited = 1

    with pytest.raises(RetryLater) as later:
        actions.create_ticket(open_asset(), PHISHING)

    assert later.value.after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("status", "method", "failure"),
    [
        (429, "POST", RetryLater),
        (503, "POST", RetryLater),
        (500, "POST", OutcomeUnknown),
        (500, "GET", RetryLater),
        (502, "GET", RetryLater),
        (200, "GET", RetryLater),
        (200, "POST", OutcomeUnknown),
        (302, "POST", ActionFailed),
        (404, "GET", ActionFailed),
        (401, "POST", BadCredentials),
    ],
)
def test_every_answer_is_the_failure_it_stands_for(
    lab: LabServer,
    open_asset: Open,
    instance: ServiceNow,
    status: int,
    method: str,
    failure: type[Exception],
) -> None:
    """
    A status, or a success that is no JSON, is named by what the engine does next.
    """
    switch_on(lab, "status", method, value=status)

    with pytest.raises(failure):
        actions.create_ticket(open_asset(), PHISHING)


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [("base_url", "", "has no base_url"), ("table", "incident/../x", "not the name of a table")],
)
def test_a_setting_that_cannot_be_used_is_named(
    open_asset: Open, instance: ServiceNow, setting: str, value: str, sentence: str
) -> None:
    """
    A missing address or an impossible table fails with a sentence that names it.
    """
    with pytest.raises(ActionFailed, match=sentence):
        actions.test_connectivity(open_asset(**{setting: value}), Params({}))
