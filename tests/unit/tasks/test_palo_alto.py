"""
Palo Alto Networks' room against the lab's firewall: blocks, takes back, refuses, verifies.

In: the running lab. Out: what an action said, and what is true at the firewall afterwards.
Never: a sleep; time passes only where the firewall's clock is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from soar.lab.vendors.palo_alto import PaloAlto, RefusedError
from soar.tasks.palo_alto import actions, targets

BAD_IP = "203.0.113.66"
BAD_URL = "http://login-portal.evil.example/verify"
ENTRY = "login-portal.evil.example/verify"
CATEGORY = ("vsys1", "soar-blocked-urls")

Opened = Callable[..., ActionContext]
Call = Callable[[ActionContext, Params], Output]


@pytest.fixture
def firewall(lab: LabServer) -> Iterator[PaloAlto]:
    """
    The lab's firewall as if nobody had talked to it.
    """
    simulator = next(s for s in lab.lab.simulators if isinstance(s, PaloAlto))
    clock, looks = simulator.clock, simulator.commit_looks
    with simulator.lock:
        simulator.reset()
    yield simulator
    simulator.clock, simulator.commit_looks = clock, looks


@pytest.fixture
def opened(lab: LabServer, context: Callable[..., ActionContext], firewall: PaloAlto) -> Opened:
    """
    An asset of the lab's firewall; keywords change its settings, ``call_key`` the call.
    """

    def make(call_key: str = "run-1:action-1:ab12", **settings: Any) -> ActionContext:
        key = Secret(firewall.world.keys["palo_alto"])
        config = {"base_url": lab.url, "api_key": key, **settings}
        return context(config, "palo_alto", key=call_key)

    return make


def ip(text: str = BAD_IP, **more: Any) -> Params:
    return Params({"ip": text, **more})


def url(text: str = BAD_URL) -> Params:
    return Params({"url": text})


def lose_answer_of(lab: LabServer, monkeypatch: pytest.MonkeyPatch, **wanted: str) -> None:
    """Lose the answer to the next request with these form fields: one path serves them all."""
    left = [Fault(vendor="palo_alto", kind="lost_answer")]

    def take(vendor: str, request: Any) -> Fault | None:
        hit = all(request.form.get(name) == value for name, value in wanted.items())
        return left.pop() if left and hit else None

    monkeypatch.setattr(lab.lab, "_take_fault", take)


def settle(ctx: ActionContext, call: Call, params: Params) -> Output:
    """Do what the engine does: call, and after each RetryLater ask verify, then call again."""
    verify = call.__soar_verify__  # type: ignore[attr-defined]
    look: Callable[[ActionContext, Params], Output | None] = call
    for _ in range(20):
        try:
            output = look(ctx, params)
        except RetryLater:
            output = None
            look = verify
            continue
        if output is not None:
            return output
        look = call
    raise AssertionError("the action never ended")


def calls(lab: LabServer, since: int = 0) -> list[dict[str, Any]]:
    return lab.lab.log("palo_alto")[since:]


# Addresses


def test_a_blocked_address_carries_the_tag_on_the_named_device(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    Block ip registers the tag without a commit and says on which device.
    """
    output = actions.block_ip(opened(), ip())
    assert output.message == "Blocked on PA-5260"
    assert output.summary == {
        "ip": BAD_IP,
        "tag": "soar-block",
        "device": "PA-5260",
        "changed": True,
    }
    state = firewall.state()
    assert (state["blocked_ips"], state["tags"]) == ([BAD_IP], {BAD_IP: ["soar-block"]})
    assert state["commits"] == 0


def test_blocking_twice_has_one_effect(opened: Opened, firewall: PaloAlto) -> None:
    """
    A second block of the same address is a success that registers nothing.
    """
    actions.block_ip(opened(), ip())
    output = actions.block_ip(opened(), ip())
    assert output.message == "Already blocked on PA-5260"
    assert output.summary["changed"] is False
    assert firewall.state()["registrations"] == {BAD_IP: 1}


@pytest.mark.parametrize(
    ("minutes", "settings", "seconds"),
    [(None, {}, 3600), (5, {}, 300), (None, {"block_minutes": 90}, 5400)],
)
def test_a_block_ends_by_itself_after_its_minutes(
    opened: Opened, firewall: PaloAlto, minutes: int | None, settings: Any, seconds: int
) -> None:
    """
    The parameter decides how long, then the asset, then one hour; afterwards nothing is blocked.
    """
    now = [1_000_000.0]
    firewall.clock = lambda: now[0]
    ctx = opened(**settings)
    actions.block_ip(ctx, ip(minutes=minutes))
    now[0] += seconds - 1
    assert firewall.state()["blocked_ips"] == [BAD_IP]
    now[0] += 2
    assert firewall.state()["blocked_ips"] == []
    assert actions.ip_is_blocked(ctx, ip()) is None


def test_zero_minutes_block_until_somebody_unblocks(opened: Opened, firewall: PaloAlto) -> None:
    """
    A block of zero minutes has no timeout.
    """
    actions.block_ip(opened(), ip(minutes=0))
    firewall.clock = lambda: 9e12
    assert firewall.state()["blocked_ips"] == [BAD_IP]


@pytest.mark.parametrize("minutes", [-1, 43201, "soon"])
def test_minutes_that_no_tag_can_have_are_refused(
    lab: LabServer, opened: Opened, minutes: Any
) -> None:
    """
    More than 30 days, less than none and words fail before anything is sent.
    """
    before = len(calls(lab))
    with pytest.raises(ActionFailed, match="minutes"):
        actions.block_ip(opened(), ip(minutes=minutes))
    assert calls(lab, before) == []


def test_an_unblocked_address_is_free_and_the_second_time_was_not_blocked(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    Unblock ip takes the tag; without one it is a success that says so.
    """
    actions.block_ip(opened(), ip())
    assert actions.unblock_ip(opened(), ip()).message == "Unblocked on PA-5260"
    assert firewall.state()["blocked_ips"] == []
    output = actions.unblock_ip(opened(), ip())
    assert output.message == f"{BAD_IP} was not blocked on PA-5260"
    assert output.summary["changed"] is False


def test_other_tags_of_an_address_stay(opened: Opened, firewall: PaloAlto) -> None:
    """
    An address that somebody else tagged keeps that tag when ours goes.
    """
    firewall.tags[BAD_IP] = {"quarantine-by-hand": float("inf")}
    actions.block_ip(opened(), ip())
    actions.unblock_ip(opened(), ip())
    assert firewall.state()["tags"] == {BAD_IP: ["quarantine-by-hand"]}


def test_an_ipv6_address_is_blocked_in_its_canonical_form(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    Two spellings of one IPv6 address are one block.
    """
    actions.block_ip(opened(), ip("2001:0db8:0000::0042"))
    assert actions.block_ip(opened(), ip("2001:DB8::42")).summary["changed"] is False
    assert firewall.state()["blocked_ips"] == ["2001:db8::42"]


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.5.5", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1",
        "169.254.169.254", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "::1", "fe80::1",
        "fc00::1", "fd12::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    ],
)  # fmt: skip
def test_addresses_that_could_be_ours_are_never_blocked(
    lab: LabServer, opened: Opened, address: str
) -> None:
    """
    Private, shared, loopback, link-local, multicast, reserved: refused before a call.
    """
    before = len(calls(lab))
    with pytest.raises(ActionFailed, match="is never blocked: it is a"):
        actions.block_ip(opened(), ip(address))
    assert calls(lab, before) == []


@pytest.mark.parametrize("address", ["203.0.113.1", "198.51.100.1", "192.0.2.1", "2001:db8::1"])
def test_documentation_addresses_can_be_blocked(opened: Opened, address: str) -> None:
    """
    The ranges of RFC 5737 and RFC 3849 are blocked like any other.
    """
    assert actions.block_ip(opened(), ip(address)).message == "Blocked on PA-5260"


def test_protected_networks_of_the_asset_are_never_blocked(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    An address in the asset's protected networks is refused by name; others are blocked.
    """
    ctx = opened(protected_networks="198.51.100.0/24, 203.0.113.66")
    for address in ("198.51.100.23", BAD_IP):
        with pytest.raises(ActionFailed, match="protected network"):
            actions.block_ip(ctx, ip(address))
    actions.block_ip(ctx, ip("203.0.113.67"))
    assert firewall.state()["blocked_ips"] == ["203.0.113.67"]


def test_protected_networks_that_cannot_be_read_stop_every_block(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    A typing mistake in the setting blocks nothing, rather than protecting nothing.
    """
    with pytest.raises(ActionFailed, match=r"'10\.0\.0\.0/33', which is not a network"):
        actions.block_ip(opened(protected_networks="10.0.0.0/33"), ip())
    assert firewall.state()["blocked_ips"] == []


@pytest.mark.parametrize(
    "text",
    [
        "", "evil.example", "203.0.113.0/24", "203.0.113.66 203.0.113.67", "fe80::1%eth0",
        '203.0.113.66"/><entry ip="198.51.100.23',
        "203.0.113.66</entry></register></payload>",
    ],
)  # fmt: skip
def test_what_is_not_one_address_never_reaches_the_firewall(
    lab: LabServer, opened: Opened, text: str
) -> None:
    """
    Names, networks, lists and XML are refused by both actions.
    """
    before = len(calls(lab))
    for call in (actions.block_ip, actions.unblock_ip):
        with pytest.raises(ActionFailed):
            call(opened(), ip(text))
    assert calls(lab, before) == []


def test_markup_in_the_tag_setting_is_escaped(opened: Opened, firewall: PaloAlto) -> None:
    """
    A tag with markup in it is one odd tag, not another element.
    """
    tag = "a</member><member>b & 'c'"
    actions.block_ip(opened(tag=tag), ip())
    assert firewall.state()["tags"] == {BAD_IP: [tag]}
    assert actions.unblock_ip(opened(tag=tag), ip()).summary["changed"] is True


@pytest.mark.parametrize("call", [actions.block_ip, actions.unblock_ip])
def test_a_lost_answer_is_unknown_and_verify_finds_the_effect(
    lab: LabServer, opened: Opened, firewall: PaloAlto, call: Call
) -> None:
    """
    When the answer to a write is lost the outcome is unknown, and a read settles it.
    """
    ctx = opened(name="Edge")
    if call is actions.unblock_ip:
        actions.block_ip(ctx, ip())
    lab.lab.faults.append(Fault(vendor="palo_alto", kind="lost_answer", path="/api/"))
    with pytest.raises(OutcomeUnknown):
        call(ctx, ip())
    output = call.__soar_verify__(ctx, ip())  # type: ignore[attr-defined]
    done = "Blocked" if call is actions.block_ip else "Unblocked"
    assert output.message == f"{done} on Edge"
    assert firewall.state()["registrations"] == {BAD_IP: 1}


def test_verify_says_certainly_not_when_the_request_never_arrived(
    lab: LabServer, opened: Opened
) -> None:
    """
    A connection cut before the effect is unknown too, and verify says it did not happen.
    """
    ctx = opened(name="Edge")
    lab.lab.faults.append(Fault(vendor="palo_alto", kind="reset", path="/api/"))
    with pytest.raises(OutcomeUnknown):
        actions.block_ip(ctx, ip())
    assert actions.ip_is_blocked(ctx, ip()) is None
    assert actions.block_ip(ctx, ip()).message == "Blocked on Edge"
    assert actions.ip_is_unblocked(ctx, ip()) is None


# URLs


def test_a_blocked_url_waits_for_its_commit_and_then_runs(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    Block url ends with RetryLater while its commit runs; verify says when it is in effect.
    """
    ctx = opened()
    with pytest.raises(RetryLater, match="commit job 11 is running") as waiting:
        actions.block_url(ctx, url())
    assert waiting.value.after == timedelta(seconds=1)
    assert firewall.state()["blocked_urls"] == []
    with pytest.raises(RetryLater, match="commit job 11 is running"):
        actions.url_is_blocked(ctx, url())
    output = actions.url_is_blocked(ctx, url())
    assert output is not None
    assert output.message == "Blocked on PA-5260"
    assert output.summary["url"] == ENTRY
    assert firewall.state()["blocked_urls"] == [ENTRY]


def test_verify_needs_nothing_but_the_vendor(opened: Opened, firewall: PaloAlto) -> None:
    """
    Another process with an empty memory finishes the wait of the first.
    """
    with pytest.raises(RetryLater):
        actions.block_url(opened(), url())
    firewall.configuration.look()
    output = actions.url_is_blocked(opened(), url())
    assert output is not None
    assert output.message == "Blocked on PA-5260"


def test_blocking_a_url_twice_commits_once(opened: Opened, firewall: PaloAlto) -> None:
    """
    A URL that runs already is neither edited nor committed again.
    """
    settle(opened(), actions.block_url, url())
    output = actions.block_url(opened("run-2:action-1:ab12"), url())
    assert output.message == "Already blocked on PA-5260"
    assert firewall.state()["commits"] == 1


def test_a_redelivery_during_the_commit_waits_for_it(opened: Opened, firewall: PaloAlto) -> None:
    """
    Nothing new to commit while a commit runs is a reason to wait, not to commit again.
    """
    for _ in range(2):
        with pytest.raises(RetryLater, match="commit job 11 is running"):
            actions.block_url(opened(), url())
    assert firewall.state()["commits"] == 1


def test_an_unblocked_url_is_gone_and_the_second_time_was_not_blocked(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    Unblock url removes the entry from what runs; without one it is a success that says so.
    """
    settle(opened("run-1:a:1"), actions.block_url, url())
    output = settle(opened("run-1:b:1"), actions.unblock_url, url())
    assert output.message == "Unblocked on PA-5260"
    assert firewall.state()["blocked_urls"] == []
    again = actions.unblock_url(opened("run-1:c:1"), url())
    assert again.message == f"{ENTRY} was not blocked on PA-5260"
    assert firewall.state()["commits"] == 2


def test_only_our_own_changes_are_committed(opened: Opened, firewall: PaloAlto) -> None:
    """
    What another administrator has half finished stays uncommitted.
    """
    firewall.configuration.edit(CATEGORY, "half.example/", present=True, admin="alice")
    settle(opened(), actions.block_url, url())
    assert firewall.state()["blocked_urls"] == [ENTRY]
    assert firewall.state()["uncommitted"] == 1


def test_an_entry_that_somebody_edited_but_did_not_commit_is_told(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    With nothing of ours to commit and the URL not running, nobody claims that it is blocked.
    """
    firewall.configuration.edit(CATEGORY, ENTRY, present=True, admin="alice")
    with pytest.raises(ActionFailed, match="no changes of administrator 'soar' to commit"):
        actions.block_url(opened(), url())


def test_an_asset_with_the_wrong_admin_does_not_claim_success(opened: Opened) -> None:
    """
    The commit of an administrator who changed nothing is not taken for a block.
    """
    with pytest.raises(ActionFailed, match="set the asset's admin"):
        actions.block_url(opened(admin="bob"), url())


def test_a_failed_commit_fails_the_action_with_the_device_s_words(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    This call's own commit that failed ends the action; another call may try again.
    """
    firewall.configuration.next_result = "FAIL"
    with pytest.raises(ActionFailed, match="commit job 11 failed: Validation Error"):
        settle(opened("run-1:a:1"), actions.block_url, url())
    assert firewall.state()["blocked_urls"] == []
    assert settle(opened("run-2:a:1"), actions.block_url, url()).message == "Blocked on PA-5260"


def test_somebody_else_s_failed_commit_is_not_ours(opened: Opened, firewall: PaloAlto) -> None:
    """
    Verify looks at the job that carries this call's key and at no other.
    """
    firewall.configuration.edit(CATEGORY, "half.example/", present=True, admin="alice")
    firewall.configuration.next_result = "FAIL"
    firewall.configuration.commit({"alice"}, by="alice", description="by hand", looks=1)
    firewall.configuration.look()
    assert actions.url_is_blocked(opened(), url()) is None


@pytest.mark.parametrize("call", [actions.block_url, actions.unblock_url])
def test_a_lost_answer_to_a_commit_is_found_in_the_job_list(
    lab: LabServer,
    opened: Opened,
    firewall: PaloAlto,
    monkeypatch: pytest.MonkeyPatch,
    call: Call,
) -> None:
    """
    A commit whose answer was lost is waited for and not sent twice.
    """
    if call is actions.unblock_url:
        settle(opened("run-0:a:1"), actions.block_url, url())
    before = firewall.state()["commits"]
    ctx = opened("run-1:a:1", name="Edge")
    lose_answer_of(lab, monkeypatch, type="commit")
    with pytest.raises(OutcomeUnknown):
        call(ctx, url())
    verify = call.__soar_verify__  # type: ignore[attr-defined]
    with pytest.raises(RetryLater):
        verify(ctx, url())
    assert verify(ctx, url()).summary["changed"] is True
    assert firewall.state()["commits"] == before + 1


def test_a_lost_answer_to_an_edit_is_certainly_not_in_effect(
    lab: LabServer, opened: Opened, firewall: PaloAlto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An edit without a commit blocks nothing; calling again commits what was edited once.
    """
    ctx = opened(name="Edge")
    lose_answer_of(lab, monkeypatch, action="set")
    with pytest.raises(OutcomeUnknown):
        actions.block_url(ctx, url())
    assert firewall.state()["uncommitted"] == 1
    assert actions.url_is_blocked(ctx, url()) is None
    assert settle(ctx, actions.block_url, url()).message == "Blocked on Edge"
    assert firewall.state()["commits"] == 1


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("http://Evil.Example/Path?q=1#top", "evil.example/Path?q=1"),
        ("evil.example", "evil.example/"),
        ("https://evil.example:443/", "evil.example/"),
        ("https://evil.example:8443/a", "evil.example:8443/a"),
        ("http://user:secret@evil.example/a", "evil.example/a"),
        ("http://münchen.example/ü", "xn--mnchen-3ya.example/%C3%BC"),
        ("http://evil.example/a'b\"c]d", "evil.example/a%27b%22c%5Dd"),
        ("http://evil.example/<x>&y=1", "evil.example/%3Cx%3E&y=1"),
        ("http://[2001:db8::66]/x", "[2001:db8::66]/x"),
        ("http://203.0.113.66/x", "203.0.113.66/x"),
    ],
)
def test_a_url_becomes_one_exact_category_entry(
    opened: Opened, firewall: PaloAlto, text: str, entry: str
) -> None:
    """
    Scheme, user and fragment go, quotes and markup are encoded; block and unblock agree.
    """
    assert targets.url_entry(text) == entry
    settle(opened("run-1:a:1"), actions.block_url, url(text))
    assert firewall.state()["blocked_urls"] == [entry]
    settle(opened("run-1:b:1"), actions.unblock_url, url(text))
    assert firewall.state()["blocked_urls"] == []


@pytest.mark.parametrize(
    "text",
    [
        "", "http://", "http://*.example/", "*", "evil.example/^", "ftp://evil.example/",
        "javascript://x", "http://evil.example:99999/", "http://[::1/", "http://ev il.example/",
        "http://a]/member[text()='x", "http://evil.example/" + "a" * 255,
    ],
)  # fmt: skip
def test_what_is_not_one_url_never_reaches_the_firewall(
    lab: LabServer, opened: Opened, text: str
) -> None:
    """
    Wildcards, other schemes, injections and entries that are too long are refused.
    """
    before = len(calls(lab))
    for call in (actions.block_url, actions.unblock_url):
        with pytest.raises(ActionFailed):
            call(opened(), url(text))
    assert calls(lab, before) == []


@pytest.mark.parametrize(
    "text",
    ["http://10.1.2.3/x", "http://localhost/x", "http://[::1]:8080/", "http://198.51.100.7/"],
)
def test_a_url_on_a_protected_host_is_never_blocked(opened: Opened, text: str) -> None:
    """
    The host of a URL is protected like an address.
    """
    with pytest.raises(ActionFailed, match="is never blocked"):
        actions.block_url(opened(protected_networks="198.51.100.0/24"), url(text))


@pytest.mark.parametrize("setting", ["url_category", "vsys"])
def test_a_quote_in_a_setting_cannot_leave_its_xpath(opened: Opened, setting: str) -> None:
    """
    A setting that could end the XPath literal is refused.
    """
    with pytest.raises(ActionFailed, match="has a quote"):
        actions.block_url(opened(**{setting: "x']/../entry[@name='y"}), url())


# The device, its name and its errors


def test_connectivity_names_the_device_and_its_version(opened: Opened) -> None:
    """
    Test connectivity reads the system info with the asset's key.
    """
    output = actions.test_connectivity(opened(), Params({}))
    assert output.message == "Connected to PA-5260 (PAN-OS 11.1.4)"


def test_the_name_is_read_once_per_process_and_a_setting_overrides_it(
    lab: LabServer, opened: Opened
) -> None:
    """
    The device's name costs one call per process, or none if the asset has one.
    """
    ctx, before = opened(), len(calls(lab))
    for address in ("203.0.113.1", "203.0.113.2"):
        actions.block_ip(ctx, ip(address))
    actions.block_ip(opened(name="Edge"), ip("203.0.113.3"))
    assert sum("system" in call["body"] for call in calls(lab, before)) == 1


def test_the_key_is_in_no_url_no_form_and_no_message(lab: LabServer, opened: Opened) -> None:
    """
    The key travels in the header alone, and no failure repeats it.
    """
    before = len(calls(lab))
    actions.block_ip(opened(), ip())
    secret = opened().asset.secret("api_key").reveal()
    assert all(secret not in f"{c['path']}{c['query']}{c['body']}" for c in calls(lab, before))
    with pytest.raises(BadCredentials) as refused:
        actions.block_ip(opened(api_key=Secret("wrong-key")), ip())
    assert "wrong-key" not in str(refused.value)


def test_a_wrong_key_is_bad_credentials(opened: Opened) -> None:
    """
    HTTP 403 with invalid credential marks the asset.
    """
    with pytest.raises(BadCredentials, match="403"):
        actions.test_connectivity(opened(api_key=Secret("wrong")), Params({}))


def test_an_asset_without_key_or_address_says_what_is_missing(opened: Opened) -> None:
    """
    Missing settings are failures that name the setting.
    """
    with pytest.raises(BadCredentials, match="'api_key'"):
        actions.test_connectivity(opened(api_key=None), Params({}))
    with pytest.raises(ActionFailed, match="base_url"):
        actions.test_connectivity(opened(base_url=""), Params({}))


@pytest.mark.parametrize(
    ("code", "reading", "writing"),
    [
        ("16", BadCredentials, BadCredentials), ("403", BadCredentials, BadCredentials),
        ("22", RetryLater, RetryLater), ("5", RetryLater, OutcomeUnknown),
        ("21", RetryLater, OutcomeUnknown), ("1", ActionFailed, ActionFailed),
        ("6", ActionFailed, ActionFailed), ("8", ActionFailed, ActionFailed),
        ("12", ActionFailed, ActionFailed), ("13", ActionFailed, ActionFailed),
        ("17", ActionFailed, ActionFailed), ("400", ActionFailed, ActionFailed),
    ],
)  # fmt: skip
def test_every_code_of_the_device_is_one_of_the_four_failures(
    opened: Opened,
    firewall: PaloAlto,
    code: str,
    reading: type[Exception],
    writing: type[Exception],
) -> None:
    """
    HTTP 200 with status="error" is read, and a write is judged more carefully than a read.
    """
    firewall.refuse_with = code
    with pytest.raises(reading):
        actions.test_connectivity(opened(), Params({}))
    with pytest.raises(writing):
        actions.block_ip(opened(name="Edge"), ip())


@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [
        (302, ActionFailed, OutcomeUnknown), (400, ActionFailed, ActionFailed),
        (401, BadCredentials, BadCredentials), (403, BadCredentials, BadCredentials),
        (404, ActionFailed, ActionFailed), (429, RetryLater, RetryLater),
        (500, RetryLater, OutcomeUnknown), (502, RetryLater, OutcomeUnknown),
        (503, RetryLater, RetryLater), (200, ActionFailed, OutcomeUnknown),
    ],
)  # fmt: skip
def test_every_http_status_is_one_of_the_four_failures(
    lab: LabServer,
    opened: Opened,
    status: int,
    reading: type[Exception],
    writing: type[Exception],
) -> None:
    """
    A proxy's page, a redirect and a server error are classified by what may have happened.
    """
    fault = Fault(vendor="palo_alto", kind="status", value=status, times=2)
    lab.lab.faults.append(fault)
    with pytest.raises(reading):
        actions.test_connectivity(opened(), Params({}))
    with pytest.raises(writing):
        actions.block_ip(opened(name="Edge"), ip())
    assert fault.times == 0


def test_a_firewall_that_commits_for_somebody_else_is_waited_for(
    opened: Opened, firewall: PaloAlto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Code 13 while a commit runs means later, not never.
    """
    firewall.configuration.edit(CATEGORY, "half.example/", present=True, admin="alice")
    firewall.configuration.commit({"alice"}, by="alice", description="by hand", looks=9)
    answer = firewall._config

    def busy(form: Any) -> Any:
        if form.get("action") != "set":
            return answer(form)
        raise RefusedError("13", "A commit is pending. Please try again later.")

    monkeypatch.setattr(firewall, "_config", busy)
    with pytest.raises(RetryLater, match="commit job 11 is running"):
        actions.block_url(opened(), url())


def test_a_firewall_that_is_off_is_later_even_for_a_write(opened: Opened) -> None:
    """
    A connection that was never made changed nothing.
    """
    with pytest.raises(RetryLater, match="no connection"):
        actions.block_ip(opened(base_url="http://127.0.0.1:9", name="Edge"), ip())


def test_the_firewall_s_certificate_is_verified(lab: LabServer, opened: Opened) -> None:
    """
    Over TLS the lab's own authority is accepted, and an untrusted one is refused.
    """
    ctx = opened(base_url=lab.tls_url)
    assert actions.block_ip(ctx, ip()).message == "Blocked on PA-5260"
    ctx.http.close()
    ctx.http.verify = True
    with pytest.raises(ActionFailed, match="certificate is not trusted"):
        actions.test_connectivity(ctx, Params({}))
