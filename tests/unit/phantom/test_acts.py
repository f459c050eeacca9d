"""
What ``act`` takes and what it says of the rest: parameter sets, assets, apps, start times.

In: blocks of one act. Out: nothing. Never: an act that reaches more assets than it was to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from soar.domain.commands import Act, CallPlaybook
from soar.engine.program import load
from soar.testing import Dialogue, Heard, alert, on_stage
from soar.testing.pretending import AllThere, all_offered

ASSETS = {"vt": "virustotal", "vt_old": "virustotal", "abuse": "abuseipdb"}
SOURCE = """
import datetime
import phantom.rules as phantom

def on_start(container):
    phantom.{call}

def told(action, success, container, results, handle):
    phantom.comment(comment=f"{{success}}: {{results[0]['message']}}")
"""


def asked(more: str, call: str = "act('ip reputation', {}, callback=told)") -> Dialogue:
    """Return a run whose first block has asked for an act."""
    source = SOURCE.format(call=call.format(more))
    return on_stage(load("tested", source), alert(), assets=ASSETS).begins()


def reached(run: Dialogue) -> list[str]:
    """Return the assets that an act reaches."""
    return [m.asset for m in run.plan.joins[0].acts[0].members if not m.failed]


@pytest.mark.parametrize(
    ("app", "assets"),
    [
        ("app={'name': 'AbuseIPDB'}", ["abuse"]),
        ("app='abuseipdb'", ["abuse"]),
        ("app=' VIRUSTOTAL '", ["vt", "vt_old"]),
        ("app=phantom.get_apps('ip reputation')[0]", ["vt", "vt_old"]),
        ("app={'name': 'AbuseIPDB'}, assets=['vt', 'abuse']", ["abuse"]),
        ("app=None", ["vt", "vt_old", "abuse"]),
        ("app='', tags=[], asset_type=None", ["vt", "vt_old", "abuse"]),
        ("assets=[None, 'vt']", ["vt"]),
        ("assets=phantom.get_assets()[:0] or ['abuse']", ["abuse"]),
    ],
)
def test_an_act_reaches_the_assets_of_its_app_only(app: str, assets: list[str]) -> None:
    """
    The app by its name, its slug, or what get_apps gave; without one, every asset.
    """
    assert reached(asked(f"parameters=[{{'ip': '192.0.2.1'}}], {app}")) == assets


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("parameters=[None]", "parameters: each set must be a mapping, not NoneType"),
        ("parameters=[{'ip': '192.0.2.1'}, 'x']", "each set must be a mapping, not str"),
        ("parameters='x'", "each set must be a mapping, not str"),
        ("parameters=7", "each set must be a mapping, not int"),
        ("app={'name': 'LDAP'}", "no app 'LDAP' offers the action 'ip reputation'; those that do:"),
        ("app={'id': 3}", "app: \"{'id': 3}\" names no app"),
        ("app=7", "app: '7' names no app"),
        ("app='AbuseIPDB', assets=['vt']", "none of the assets 'vt' is of the app 'AbuseIPDB'"),
        ("app='AbuseIPDB', assets=['typo']", "there is no asset 'typo'"),
        ("assets=[None]", "assets: the list names no asset"),
        ("assets=7", "there is no asset '7'"),
        ("tags=['dmz']", "tags: assets have no tags here"),
        ("asset_type='firewall', assets=['vt']", "asset_type: assets have no asset_type here"),
    ],
)
def test_an_act_that_cannot_be_made_calls_its_callback(given: str, sentence: str) -> None:
    """
    Nothing is raised, no asset is reached, and the callback hears why.
    """
    more = given if "parameters" in given else f"parameters=[{{'ip': '192.0.2.1'}}], {given}"
    run = asked(more)
    assert (run.error, reached(run)) == ("", [])

    run.hears_each(lambda _, member: Heard(member.asset, ""))

    assert run.comments[0].startswith("False: ")
    assert sentence in run.comments[0]


def test_acts_together_and_targets_keep_to_the_app_too() -> None:
    """
    Each element has its own; a list of targets has that of the act.
    """
    together = asked(
        "{'parameters': {'ip': '192.0.2.1'}, 'app': 'AbuseIPDB'}",
        "act_together([{{'action': 'ip reputation', **{}}}], callback=told)",
    )
    targets = asked("targets=[{'ip': '192.0.2.1'}, {'ip': '192.0.2.2'}], app='AbuseIPDB'")

    assert [reached(together), len(targets.plan.joins[0].acts)] == [["abuse"], 2]
    assert {m.asset for a in targets.plan.joins[0].acts for m in a.members} == {"abuse"}


def test_who_plays_apps_that_are_not_here_goes_by_any_name() -> None:
    """
    A playbook that is only looked at has its act, whatever app it names.
    """
    run = asked("parameters=[{}], app='Zscaler'", "act('lookup url', {})")
    looked = on_stage(run.program, alert())
    looked.catalog, looked.assets = all_offered(looked.catalog), AllThere({})
    looked.begins()

    assert "no app offers" in run.plan.joins[0].acts[0].problem
    assert reached(looked) == ["simulated"]


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process nine hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_east")
@pytest.mark.parametrize(
    ("start", "begins"),
    [
        ("datetime.datetime(2024, 5, 17, 21, 0)", datetime(2024, 5, 17, 12, 0, tzinfo=UTC)),
        (
            "datetime.datetime.fromisoformat('2024-05-17T21:00:00+02:00')",
            datetime(2024, 5, 17, 21, 0, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("None", None),
    ],
)
def test_a_start_time_without_a_zone_is_of_this_process(start: str, begins: Any) -> None:
    """
    As ``datetime.now()`` is, which playbooks add to; one with a zone is kept.
    """
    (act,) = asked(f"parameters=[{{}}], start_time={start}").asks

    assert isinstance(act, Act)
    assert act.start_time == begins
    assert begins is None or act.start_time.utcoffset() == begins.utcoffset()  # type: ignore[union-attr]


def test_a_start_time_without_a_zone_goes_with_a_loop() -> None:
    """
    The later one of it and the loop's delay counts.
    """
    state = "{'current_iteration': 2, 'delay_time': 30}"
    late = "datetime.datetime.now() + datetime.timedelta(hours=1)"
    run = asked(f"parameters=[{{}}], loop_state={state}, start_time={late}")

    assert run.error == ""
    assert run.asks[0].start_time > run.now + timedelta(minutes=50)


def test_a_start_time_that_is_no_datetime_is_named() -> None:
    """
    Bad input, with the argument and what it was.
    """
    error = asked("parameters=[{}], start_time='noon'").error

    assert "BadInput: start_time: must be a datetime, not str" in error


@pytest.mark.parametrize(("more", "inherits"), [("", True), (", inherit_scope=False", False)])
def test_a_called_playbook_takes_the_scope_of_who_calls(more: str, inherits: bool) -> None:
    """
    Unless it is told not to.
    """
    (call,) = asked(more, "playbook('child'{})").asks

    assert isinstance(call, CallPlaybook)
    assert call.inherit_scope is inherits
