"""
Palo Alto Networks' room against the lab's firewall: URLs, and the commits they wait for.

In: the running lab. Out: what an action said, and what is true at the firewall afterwards.
Never: a sleep; a commit is brought on by looking at the job list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from soar.connector import (
    ActionContext,
    ActionFailed,
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
