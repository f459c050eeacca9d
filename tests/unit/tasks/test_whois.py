"""
Whois' room against the lab's registry: each answer ends in the right failure or registration.

In: the running lab. Out: nothing. Never: a real registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from soar import catalog
from soar.connector import ActionContext, Params, RetryLater
from soar.domain.errors import ActionError, ActionFailed
from soar.lab.server import LabServer
from soar.lab.simulator import Fault
from soar.lab.vendors.rdap import Rdap
from soar.tasks.whois import actions, records

Open = Callable[..., ActionContext]


@pytest.fixture
def simulator(lab: LabServer) -> Iterator[Rdap]:
    """
    The lab's registry, open again after the test.
    """
    found = next(s for s in lab.lab.simulators if isinstance(s, Rdap))
    yield found
    found.busy_for = 0


@pytest.fixture
def whois(context: Any, lab: LabServer) -> Open:
    """
    Opens an asset that points at the lab's bootstrap over TLS, which redirects to the registry.
    """

    def make(path: str = "/rdap.org", http: Any = None) -> ActionContext:
        made: ActionContext = context({"base_url": lab.tls_url + path}, "whois_lab", http=http)
        return made

    return make


def test_the_holder_of_an_address_is_named(whois: Open) -> None:
    """
    Holder and country are the line; the summary holds what an analyst reads first.
    """
    output = actions.whois_ip(whois(), Params({"ip": "192.0.2.45"}))

    assert output.message == "Example Telecom (BR)"
    assert output.summary == {
        "found": True,
        "organization": "Example Telecom",
        "asn": "64502",
        "registry": "lacnic",
        "country_code": "BR",
        "network": "192.0.2.0/24",
    }


def test_an_address_has_the_datapaths_of_ipwhois(whois: Open) -> None:
    """
    The row has ipwhois' names, with contacts read out of vCards, nested ones too.
    """
    row = actions.whois_ip(whois(), Params({"ip": "203.0.113.66"})).data[0]

    assert (row["asn"], row["asn_registry"], row["asn_country_code"]) == ("64500", "ripencc", "NL")
    network = row["network"]
    assert (network["start_address"], network["end_address"]) == ("203.0.113.0", "203.0.113.255")
    assert network["cidr"] == "203.0.113.0/24"
    assert row["entities"] == ["ORG-64500", "ABUSE-64500"]
    abuse = row["objects"][1]
    assert abuse["roles"] == ["abuse"]
    assert abuse["contact"]["email"] == [{"type": "work", "value": "abuse@example.net"}]
    assert abuse["contact"]["phone"][0]["value"] == "+1-555-0100"


def test_a_domain_tells_registrar_dates_and_contacts(whois: Open) -> None:
    """
    A domain's row has the fields of Splunk's connector, contacts by role.
    """
    output = actions.whois_domain(whois(), Params({"domain": "evil.example"}))

    assert output.message == "Example Holder (NL)"
    assert output.summary == {
        "found": True,
        "domain": "evil.example",
        "organization": "Example Holder",
        "country": "NL",
        "registrar": "Example Registrar",
        "creation_date": "2025-12-20T00:00:00Z",
    }
    row = output.data[0]
    assert row["nameservers"] == ["ns1.evil.example", "ns2.evil.example"]
    assert row["expiration_date"] == "2030-08-13T04:00:00Z"
    assert row["emails"] == ["abuse@example.net"]
    assert row["contacts"]["registrant"]["city"] == "Example City"
    assert row["contacts"]["tech"] == {}


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("c2.evil.example", "evil.example"),
        ("WWW.Example.COM.", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
    ],
)
def test_the_registered_domain_is_asked_for(
    whois: Open, lab: LabServer, written: str, asked: str
) -> None:
    """
    A registry knows nothing below the registered domain, so a host name is cut to it.
    """
    actions.whois_domain(whois("/rdap"), Params({"domain": written}))

    assert lab.lab.log("rdap")[-1]["path"] == f"/rdap/domain/{asked}"


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (actions.whois_ip, {"ip": "2001:db8::1"}),
        (actions.whois_domain, {"domain": "unheard-of.example"}),
    ],
)
def test_what_no_registry_holds_is_an_answer(
    whois: Open, function: Any, parameters: dict[str, str]
) -> None:
    """
    A 404 succeeds: found is false, and there is no row.
    """
    output = function(whois(), Params(parameters))

    assert output.message == f"no registry has a record of {next(iter(parameters.values()))}"
    assert output.summary == {"found": False}
    assert output.data == ()


def test_test_connectivity_needs_an_answer_of_rdap(whois: Open) -> None:
    """
    With a registry behind the bootstrap the service is said to answer.
    """
    assert "answers" in actions.test_connectivity(whois(), Params({})).message


def test_a_busy_registry_is_left_alone_as_long_as_it_says(whois: Open, simulator: Rdap) -> None:
    """
    429 with Retry-After waits that long.
    """
    simulator.busy_for = 90

    with pytest.raises(RetryLater) as caught:
        actions.whois_ip(whois(), Params({"ip": "192.0.2.45"}))
    assert caught.value.after == timedelta(seconds=90)


def test_a_busy_registry_that_says_no_time_is_left_alone_for_a_while(
    whois: Open, saying: Any
) -> None:
    """
    429 without Retry-After waits half a minute.
    """
    with pytest.raises(RetryLater) as caught:
        actions.whois_ip(whois(http=saying(429)), Params({"ip": "192.0.2.45"}))
    assert caught.value.after == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, ActionFailed),
        (401, ActionFailed),
        (403, ActionFailed),
        (410, ActionFailed),
        (422, ActionFailed),
        (204, ActionFailed),
        (500, RetryLater),
        (501, RetryLater),
        (503, RetryLater),
    ],
)
def test_each_status_ends_in_what_we_do_next(
    whois: Open, lab: LabServer, status: int, failure: type[ActionError]
) -> None:
    """
    Refusals fail, and what passes is asked again; there is no key that could be wrong.
    """
    lab.lab.faults.append(Fault(vendor="rdap", kind="status", path="/rdap/", value=status))

    with pytest.raises(failure) as caught:
        actions.whois_ip(whois(), Params({"ip": "192.0.2.45"}))
    assert type(caught.value) is failure


@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
def test_a_lost_answer_is_asked_again(whois: Open, lab: LabServer, kind: str) -> None:
    """
    A lookup changes nothing, so a cut connection is simply a reason to ask again.
    """
    lab.lab.faults.append(Fault(vendor="rdap", kind=kind, path="/rdap/"))

    with pytest.raises(RetryLater):
        actions.whois_domain(whois(), Params({"domain": "evil.example"}))


def test_the_registrys_own_reason_is_told(whois: Open, saying: Any) -> None:
    """
    A refusal is passed on with the registry's title and description.
    """
    refusal = {"errorCode": 422, "title": "Not ours", "description": ["ask another registry"]}

    with pytest.raises(ActionFailed, match="Not ours: ask another registry"):
        actions.whois_ip(whois(http=saying(422, refusal)), Params({"ip": "192.0.2.45"}))


@pytest.mark.parametrize("body", ["<html>", "[]", {"title": "hello"}])
def test_an_answer_that_is_not_rdap_is_a_failure(whois: Open, saying: Any, body: Any) -> None:
    """
    A web page in the registry's place is a failure that names the setting.
    """
    with pytest.raises(ActionFailed, match="does not answer in RDAP: check base_url"):
        actions.test_connectivity(whois(http=saying(200, body)), Params({}))


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [
        (actions.whois_ip, "ip", "evil.example"),
        (actions.whois_ip, "ip", "fe80::1%eth0"),
        (actions.whois_domain, "domain", "https://evil.example/"),
        (actions.whois_domain, "domain", "example"),
        (actions.whois_domain, "domain", "x" * 64 + ".example"),
    ],
)
def test_an_unusable_parameter_is_refused_before_it_is_sent(
    whois: Open, lab: LabServer, function: Any, name: str, value: str
) -> None:
    """
    The sentence names the parameter, its value and what to do, and nothing leaves.
    """
    before = len(lab.lab.log("rdap"))

    with pytest.raises(ActionFailed, match=f"parameter '{name}' must be") as caught:
        function(whois(), Params({name: value}))
    assert repr(value) in str(caught.value)
    assert len(lab.lab.log("rdap")) == before


def test_a_sparse_registration_has_every_field_empty() -> None:
    """
    What a registry leaves out, or writes in another type, is empty and never an exception.
    """
    found = {
        "objectClassName": "ip network",
        "startAddress": "192.0.2.0",
        "endAddress": "192.0.2.127",
        "entities": [{"vcardArray": ["vcard", "?"]}, "?", {"vcardArray": ["vcard", [["fn"]]]}],
        "links": None,
    }

    row = records.of_address(found, query="192.0.2.45")

    assert row["network"]["cidr"] == "192.0.2.0/25"
    assert records.of_address({}, query="192.0.2.45")["network"]["cidr"] == ""
    assert (row["asn"], row["asn_registry"], row["asn_description"]) == ("", "", "")
    assert records.of_domain({}, query="evil.example")["domain"] == "evil.example"


def test_a_vcard_is_read_with_organization_label_and_street_lines() -> None:
    """
    An organization wins over a name, a written address over its parts, and URIs lose their scheme.
    """
    lines = [
        ["fn", {}, "text", "Jane Doe"],
        ["org", {}, "text", ["Example", "Telecom"]],
        ["email", {}, "uri", "mailto:noc@example.org"],
        ["adr", {"label": "1 Example Street\nExample City"}, "text", [["a", "b"], "", "Street"]],
    ]
    entity = {"roles": ["Registrant"], "vcardArray": ["vcard", lines]}

    row = records.of_domain({"entities": [entity]}, query="evil.example")

    assert records.holder(row["objects"]) == "Example Telecom"
    assert row["contacts"]["registrant"]["email"] == "noc@example.org"
    assert row["contacts"]["registrant"]["street"] == "Street"
    contact = row["objects"][0]["contact"]
    assert contact["address"][0]["value"] == "1 Example Street\nExample City"


def test_every_action_of_the_manifest_is_a_marked_function() -> None:
    """
    The manifest and the code name the same actions; there is nothing to seal.
    """
    app = catalog.load().app("Whois RDAP")

    assert {spec.function for spec in app.actions} == {
        name for name, value in vars(actions).items() if hasattr(value, "__soar_action__")
    }
    assert app.secrets == frozenset()
