"""
VirusTotal's room against the lab's VirusTotal: each answer ends in the right failure or verdict.

In: the running lab. Out: nothing. Never: the real VirusTotal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from soar import catalog
from soar.connector import ActionContext, Params, RetryLater, Secret
from soar.domain.errors import ActionError, ActionFailed, BadCredentials
from soar.lab.server import LabServer
from soar.lab.simulator import Fault
from soar.lab.vendors.virustotal import PUBLIC_KEY, VirusTotal
from soar.lab.world import BAD_HASH, CLEAN_HASH, Opinion, World
from soar.tasks.virustotal import actions

KEY = World().keys["virustotal"]
BAD_URL = "http://login-portal.evil.example/verify"
CLEAN_SUMMARY = {
    "malicious": 0,
    "suspicious": 0,
    "harmless": 68,
    "undetected": 22,
    "total_engines": 90,
    "positives": 0,
    "known": True,
    "threat_name": "",
}

Open = Callable[..., ActionContext]


@pytest.fixture
def simulator(lab: LabServer) -> VirusTotal:
    """
    The lab's VirusTotal, with nothing spent of any quota.
    """
    found = next(s for s in lab.lab.simulators if isinstance(s, VirusTotal))
    for quota in found.quotas.values():
        quota.taken.clear()
    return found


@pytest.fixture
def virustotal(context: Any, lab: LabServer) -> Open:
    """
    Opens an asset that points at the lab over TLS, with the paid key unless told another.
    """

    def make(http: Any = None, **config: Any) -> ActionContext:
        values = {"api_key": Secret(KEY), "base_url": lab.tls_url, **config}
        made: ActionContext = context(values, "virustotal_lab", http=http)
        return made

    return make


def fault(lab: LabServer, kind: str, value: float = 0.0, *, path: str = "/api/v3/") -> None:
    """Switch one fault of VirusTotal on, for one call."""
    lab.lab.faults.append(Fault(vendor="virustotal", kind=kind, path=path, value=value))


def test_a_malicious_url_is_counted(virustotal: Open) -> None:
    """
    A URL that fourteen of ninety engines call malicious says so in one line and in the summary.
    """
    output = actions.url_reputation(virustotal(), Params({"url": BAD_URL}))

    assert output.message == "14/90 engines malicious"
    assert output.summary == {
        "malicious": 14,
        "suspicious": 2,
        "harmless": 54,
        "undetected": 20,
        "total_engines": 90,
        "positives": 14,
        "known": True,
        "threat_name": "phishing",
    }
    assert output.data[0]["attributes"]["url"] == BAD_URL
    assert output.data[0]["type"] == "url"


def test_a_url_without_a_path_is_the_same_as_with_a_slash(virustotal: Open) -> None:
    """
    "https://www.example.com" is found although VirusTotal keeps it as "https://www.example.com/".
    """
    output = actions.url_reputation(virustotal(), Params({"url": "https://www.example.com"}))

    assert output.summary == CLEAN_SUMMARY
    assert output.message == "0/90 engines malicious"


@pytest.mark.parametrize("length", [32, 40, 64])
def test_a_file_is_found_under_each_of_its_hashes(virustotal: Open, length: int) -> None:
    """
    MD5, SHA-1 and SHA-256 name the same file, in upper case too, and its label is told.
    """
    output = actions.file_reputation(virustotal(), Params({"hash": BAD_HASH[:length].upper()}))

    assert output.message == "52/90 engines malicious"
    assert output.summary["threat_name"] == "trojan.emotet"
    assert output.data[0]["id"] == BAD_HASH


def test_a_clean_file_is_known_and_clean(virustotal: Open) -> None:
    """
    A file that no engine calls malicious is known, with its ninety opinions.
    """
    output = actions.file_reputation(virustotal(), Params({"hash": CLEAN_HASH}))

    assert output.summary == CLEAN_SUMMARY


def test_an_address_is_counted_with_its_network(virustotal: Open) -> None:
    """
    An address comes with the engines' count and with country and operator.
    """
    output = actions.ip_reputation(virustotal(), Params({"ip": "203.0.113.66"}))

    assert output.message == "9/90 engines malicious"
    attributes = output.data[0]["attributes"]
    assert (attributes["country"], attributes["asn"]) == ("NL", 64500)


def test_a_domain_is_counted_however_it_is_written(virustotal: Open) -> None:
    """
    Case and a final dot make no difference to a domain.
    """
    output = actions.domain_reputation(virustotal(), Params({"domain": "C2.Evil.Example."}))

    assert output.message == "18/90 engines malicious"


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (actions.url_reputation, {"url": "https://unheard-of.example.net/"}),
        (actions.file_reputation, {"hash": "0" * 64}),
        (actions.ip_reputation, {"ip": "2001:db8::99"}),
        (actions.domain_reputation, {"domain": "unheard-of.example.net"}),
    ],
)
def test_what_virustotal_does_not_know_is_unknown_and_not_clean(
    virustotal: Open, function: Any, parameters: dict[str, str]
) -> None:
    """
    A 404 is a lookup that succeeded: no row, no opinion, and known is false.
    """
    output = function(virustotal(), Params(parameters))

    assert output.message == "unknown to VirusTotal"
    assert output.summary["known"] is False
    assert output.summary["total_engines"] == output.summary["harmless"] == 0
    assert output.data == ()


def test_what_no_engine_has_judged_is_unknown_too(virustotal: Open, simulator: VirusTotal) -> None:
    """
    An object with no opinion of any engine has a row, but is not known: 0/0 is never clean.
    """
    simulator.world.domains["new.example"] = Opinion()

    output = actions.domain_reputation(virustotal(), Params({"domain": "new.example"}))

    assert output.message == "no engine of VirusTotal has looked at it yet"
    assert output.summary["known"] is False
    assert output.data[0]["id"] == "new.example"


def test_test_connectivity_accepts_a_good_key(virustotal: Open) -> None:
    """
    With a good key the connection is said to work.
    """
    assert "accepts" in actions.test_connectivity(virustotal(), Params({})).message


def test_a_wrong_key_is_bad_credentials_and_stays_secret(virustotal: Open) -> None:
    """
    A refused key marks the asset, and no sentence or repr shows the key.
    """
    ctx = virustotal(api_key=Secret("quite-wrong-key"))

    with pytest.raises(BadCredentials, match="api_key") as caught:
        actions.test_connectivity(ctx, Params({}))
    assert "quite-wrong-key" not in f"{caught.value!r} {ctx!r} {ctx.asset!r}"


def test_a_missing_key_is_bad_credentials(virustotal: Open) -> None:
    """
    An asset without a key is told how to get one, before anything is sent.
    """
    with pytest.raises(BadCredentials, match="soar asset set virustotal_lab api_key"):
        actions.ip_reputation(virustotal(api_key=None), Params({"ip": "203.0.113.66"}))


def test_the_fifth_call_of_a_minute_on_a_public_key_waits(
    virustotal: Open, simulator: VirusTotal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A spent quota is a wait of a minute, because VirusTotal sends no Retry-After.
    """
    monkeypatch.setattr(simulator, "clock", lambda: 1000.0)
    ctx = virustotal(api_key=Secret(PUBLIC_KEY))
    for _ in range(4):
        actions.ip_reputation(ctx, Params({"ip": "203.0.113.66"}))

    with pytest.raises(RetryLater, match="quota") as caught:
        actions.ip_reputation(ctx, Params({"ip": "203.0.113.66"}))
    assert caught.value.after == timedelta(minutes=1)

    monkeypatch.setattr(simulator, "clock", lambda: 1060.0)
    assert actions.ip_reputation(ctx, Params({"ip": "203.0.113.66"})).summary["known"]


def test_an_indicator_that_virustotal_cannot_serve_now_is_asked_again(virustotal: Open) -> None:
    """
    503 TransientError is a wait, not a failure.
    """
    with pytest.raises(RetryLater, match="503"):
        actions.url_reputation(virustotal(), Params({"url": "https://slow.example.net/report"}))


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, ActionFailed),
        (401, BadCredentials),
        (403, BadCredentials),
        (404, ActionFailed),
        (409, ActionFailed),
        (302, ActionFailed),
        (204, ActionFailed),
        (429, RetryLater),
        (500, RetryLater),
        (503, RetryLater),
        (504, RetryLater),
    ],
)
def test_each_status_ends_in_what_we_do_next(
    virustotal: Open, lab: LabServer, status: int, failure: type[ActionError]
) -> None:
    """
    Refusals fail, key problems mark the asset, and what passes is asked again; a 404 without
    VirusTotal's own words comes from somewhere else and is never "unknown".
    """
    fault(lab, "status", status)

    with pytest.raises(failure) as caught:
        actions.ip_reputation(virustotal(), Params({"ip": "203.0.113.66"}))
    assert type(caught.value) is failure
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
def test_a_lost_answer_is_asked_again(virustotal: Open, lab: LabServer, kind: str) -> None:
    """
    A lookup changes nothing, so a cut connection is simply a reason to ask again.
    """
    fault(lab, kind)

    with pytest.raises(RetryLater):
        actions.domain_reputation(virustotal(), Params({"domain": "evil.example"}))


def test_virustotals_own_reason_is_told_without_the_key(virustotal: Open, saying: Any) -> None:
    """
    A refusal that quotes the key is passed on with the key struck out.
    """
    refusal = {"error": {"code": "InvalidArgumentError", "message": f"{KEY} cannot ask this"}}

    with pytest.raises(ActionFailed, match=r"refused the request: \*\*\* cannot ask this"):
        actions.ip_reputation(virustotal(http=saying(400, refusal)), Params({"ip": "192.0.2.45"}))


def test_a_retry_after_of_virustotal_is_kept(virustotal: Open, saying: Any) -> None:
    """
    Where VirusTotal does say how long, we wait that long.
    """
    busy = saying(429, {"error": {"code": "TooManyRequestsError"}}, {"Retry-After": "7"})

    with pytest.raises(RetryLater) as caught:
        actions.ip_reputation(virustotal(http=busy), Params({"ip": "192.0.2.45"}))
    assert caught.value.after == timedelta(seconds=7)


def test_what_is_not_available_yet_is_asked_again(virustotal: Open, saying: Any) -> None:
    """
    400 NotAvailableYet is a wait, unlike every other 400.
    """
    early = saying(400, {"error": {"code": "NotAvailableYet", "message": "soon"}})

    with pytest.raises(RetryLater, match="not finished"):
        actions.ip_reputation(virustotal(http=early), Params({"ip": "192.0.2.45"}))


@pytest.mark.parametrize("body", ["<html>", "[]", {"data": []}, {"error": "text"}])
def test_an_answer_that_is_no_object_is_a_failure(virustotal: Open, saying: Any, body: Any) -> None:
    """
    A login page or another API in VirusTotal's place is a failure, never a verdict.
    """
    with pytest.raises(ActionFailed, match="not an object of its API"):
        actions.ip_reputation(virustotal(http=saying(200, body)), Params({"ip": "192.0.2.45"}))


def test_the_key_does_not_travel_with_a_redirect(virustotal: Open, astray: Any) -> None:
    """
    A redirect is a failure: the other host gets no request, and so no key.
    """
    session, sent = astray

    with pytest.raises(ActionFailed, match="302"):
        actions.test_connectivity(virustotal(http=session), Params({}))
    assert [request.headers["x-apikey"] for request in sent] == [KEY]


def test_a_base_url_that_is_something_else_is_said(virustotal: Open, lab: LabServer) -> None:
    """
    A wrong base_url is a failure that names the setting, not a world of unknown indicators.
    """
    with pytest.raises(ActionFailed, match="check base_url"):
        actions.ip_reputation(
            virustotal(base_url=f"{lab.tls_url}/elsewhere/"), Params({"ip": "203.0.113.66"})
        )


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [
        (actions.url_reputation, "url", "login-portal.evil.example/verify"),
        (actions.url_reputation, "url", "hxxp://evil.example/"),
        (actions.url_reputation, "url", "http:///path-only"),
        (actions.url_reputation, "url", "http://[not-v6/"),
        (actions.url_reputation, "url", "http://evil.example/a b"),
        (actions.file_reputation, "hash", "xyz"),
        (actions.file_reputation, "hash", "g" * 64),
        (actions.file_reputation, "hash", "0" * 63),
        (actions.ip_reputation, "ip", "203.0.113"),
        (actions.ip_reputation, "ip", "fe80::1%eth0"),
        (actions.ip_reputation, "ip", ""),
        (actions.domain_reputation, "domain", "https://evil.example/"),
        (actions.domain_reputation, "domain", "localhost"),
        (actions.domain_reputation, "domain", "203.0.113.66"),
        (actions.domain_reputation, "domain", "../users"),
        (actions.domain_reputation, "domain", "a..example"),
    ],
)
def test_an_unusable_parameter_is_refused_before_it_is_sent(
    virustotal: Open, lab: LabServer, function: Any, name: str, value: str
) -> None:
    """
    The sentence names the parameter, its value and what to do, and nothing leaves.
    """
    before = len(lab.lab.log("virustotal"))

    with pytest.raises(ActionFailed) as caught:
        function(virustotal(), Params({name: value}))
    assert f"parameter {name!r} must be" in str(caught.value)
    assert repr(value) in str(caught.value)
    assert "correct the artifact or the playbook" in str(caught.value)
    assert len(lab.lab.log("virustotal")) == before


def test_every_action_of_the_manifest_is_a_marked_function() -> None:
    """
    The manifest and the code name the same actions, and the key is sealed.
    """
    app = catalog.load().app("VirusTotal v3")

    assert {spec.function for spec in app.actions} == {
        name for name, value in vars(actions).items() if hasattr(value, "__soar_action__")
    }
    assert app.secrets == {"api_key"}
    assert app.action("test connectivity") is not None
