"""
The command line on lanes: who waits and when it may go, and assets that close or leave.
"""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from soar.bootstrap import House
from soar.cli import lanes as screen
from soar.domain.errors import BadCredentials
from tests.integration.conftest import Soar
from tests.integration.waiting import AWAY, add_asset, add_calls, bells, status_of

MINUTE = 60.0


def asked(soar: Soar, *words: object, **more: str) -> Any:
    """Return the document of a command that succeeds."""
    result = soar(*words, "--json", **more)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def audited(house: House) -> list[str]:
    """Return what the audit trail says was done."""
    with house.database.begin() as work:
        return [row["what"] for row in work.people._all("select what from audit order by id")]


def test_a_call_behind_nine_others_at_four_a_minute_goes_in_two_minutes(soar, house):
    """
    Four go now, four in a minute, and the tenth with the two after those.
    """
    add_asset(house)
    act = add_calls(house, *["high"] * 10)

    place = asked(soar, "lanes", "--call", act.calls[-1])

    assert (place["position"], place["severity"], place["asset"]) == (10, "high", "vt")
    assert 2 * MINUTE - 2 < place["expected_in_seconds"] < 2 * MINUTE + 5
    assert 90 <= place["waited_seconds"] < 150
    drawn = soar("lanes", "--call", act.calls[-1]).stdout
    assert "expected in  2 min" in drawn


def test_a_critical_call_is_the_first_whoever_waits(soar, house):
    """
    It came last, and it is the next to go.
    """
    add_asset(house)
    add_calls(house, *["low"] * 5)
    act = add_calls(house, "critical")

    place = asked(soar, "lanes", "--call", act.calls[0])

    assert (place["position"], place["expected_in_seconds"]) == (1, 0)


def test_a_call_that_does_not_wait_has_no_place(soar, house):
    """
    One that waits for a person, one of another asset and one that is not there end with 3.
    """
    add_asset(house)
    held = add_calls(house, "high", parked_for="approval")
    waits = add_calls(house, "high")

    for words in (["--call", held.calls[0]], ["--call", 99], ["other", "--call", waits.calls[0]]):
        assert soar("lanes", *words, "--json").exit_code == 3, words


def test_every_lane_is_listed_the_busiest_first(soar, house):
    """
    Lanes in which nobody waits are there too; each says its budget and who waits by severity.
    """
    for slug in ("a", "b", "c"):
        add_asset(house, slug, rate_limit="4/minute, 500/day")
    add_calls(house, "high", asset="b")
    add_calls(house, "low", "low", "critical", asset="c")

    documents = asked(soar, "lanes")

    assert [d["asset"] for d in documents] == ["c", "b", "a"]
    assert documents[0]["waiting"] == {"critical": 1, "high": 0, "medium": 0, "low": 2}
    assert documents[0]["total"] == 3
    assert documents[2]["oldest_seconds"] is None
    assert [spent["limit"] for spent in documents[2]["spent"]] == ["4/minute", "500/day"]
    assert [d["asset"] for d in asked(soar, "lanes", "b")] == ["b"]


def test_the_table_says_what_is_spent_and_when_the_next_call_may_go(soar, house):
    """
    Three of four calls are made: one may go now; after that the lane waits.
    """
    add_asset(house, rate_limit="4/minute, 500/day")
    with house.database.begin() as work:
        budget = work.assets.get("vt").budget
    limiter = house.limiter()
    for _ in range(3):
        limiter.take("vt", budget)

    drawn = soar("lanes").stdout

    assert "3/4 minute, 3/500 day" in drawn
    assert "now" in drawn
    limiter.take("vt", budget)
    (document,) = asked(soar, "lanes")
    assert document["spent"][0] == {"limit": "4/minute", "calls": 4, "spent": 4, "left": 0}
    assert (document["last_minute"], document["grants"]) == (4, 4)
    assert 50 < document["opens_in_seconds"] <= 61


def close(house: House, how: str) -> None:
    """Let a lane be closed in one of the ways it can."""
    limiter = house.limiter()
    with house.database.begin() as work:
        if how == "disabled":
            work.lanes.shut("vt")
        elif how == "broken":
            work.assets.mark_broken(work.assets.get("vt"), "the key was refused")
        elif how == "deleted":
            work.assets.delete("vt")
    if how == "waits":
        limiter.block("vt", timedelta(seconds=30))
    for _ in range(5 if how == "closed" else 0):
        limiter.no_answer("vt")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("open", ""),
        ("waits", "the vendor asked to wait"),
        ("closed", "does not answer"),
        ("disabled", "asset 'vt' is disabled"),
        ("broken", "the key was refused"),
        ("deleted", "until there is an asset of that name"),
    ],
)
def test_a_lane_says_what_keeps_it_from_being_open(soar, house, how, why):
    """
    Each state has its word, its reason, and no time where somebody has to act first.
    """
    add_asset(house)
    act = add_calls(house, "high")
    close(house, how)

    (document,) = asked(soar, "lanes", "vt")

    assert document["state"] == how
    assert why in document["why"]
    acts = how in ("disabled", "broken", "deleted")
    assert (document["opens_in_seconds"] is None) == acts
    place = asked(soar, "lanes", "--call", act.calls[0])
    assert (place["expected_in_seconds"] is None) == acts
    assert how in soar("lanes").stdout


def test_a_lane_stays_closed_while_one_call_tries_its_vendor_again(soar, house):
    """
    Its time is over, and yet no other call may go.
    """
    add_asset(house)
    close(house, "closed")
    limiter = house.limiter()
    limiter._script.registered_client.hdel("soar:lane:{vt}", "closed")

    (document,) = asked(soar, "lanes", "vt")
    assert (document["state"], "one call tries" in document["why"]) == ("closed", True)

    limiter.answered("vt")
    assert asked(soar, "lanes", "vt")[0]["state"] == "open"


def test_a_lane_whose_redis_is_away_is_unknown(soar, house):
    """
    Who waits is still told, and the command succeeds.
    """
    add_asset(house)
    add_calls(house, "high")

    (document,) = asked(soar, "lanes", SOAR_REDIS_URL=AWAY)

    assert (document["state"], document["waiting"]["high"]) == ("unknown", 1)
    assert (document["spent"], document["opens_in_seconds"]) == ([], None)


def test_a_lane_of_nobody_ends_with_3(soar):
    """
    An asset that is not there is named; no assets at all are a sentence.
    """
    result = soar("lanes", "nobody")

    assert result.exit_code == 3
    assert "there is no asset 'nobody'" in result.stderr
    assert "No assets" in soar("lanes").stdout


def test_watching_looks_again_until_it_is_interrupted(soar, house, monkeypatch):
    """
    Each second another look; Ctrl-C ends it with the code of an interrupt.
    """
    add_asset(house)
    looks = []

    def wait(_: Event, seconds: float | None = None) -> bool:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(screen, "Event", type("Pause", (), {"wait": wait}))
    result = soar("lanes", "--watch")

    assert (result.exit_code, looks) == (130, [1.0] * 3)
    assert "4/minute" in result.stdout


def test_watching_does_not_go_with_json(soar):
    """
    A script gets one document; what is drawn anew each second is for people.
    """
    result = soar("lanes", "--watch", "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["field"] == "watch"


def test_a_disabled_asset_keeps_its_calls(soar, house):
    """
    They wait until it is enabled; the audit trail has both.
    """
    add_asset(house)
    act = add_calls(house, "high")

    shut = asked(soar, "asset", "disable", "vt")

    assert shut == {"asset": "vt", "when_closed": "park", "failed": 0}
    assert status_of(house, act.calls[0])[:2] == ("parked", "budget")
    assert asked(soar, "asset", "show", "vt")["state"] == "disabled"
    soar("asset", "enable", "vt")
    assert asked(soar, "lanes", "vt")[0]["state"] == "open"
    assert audited(house) == ["asset disabled", "asset enabled"]


def test_an_asset_disabled_with_fail_ends_what_waits(soar, house):
    """
    The calls fail with a sentence, their run is told, and later ones will fail too.
    """
    add_asset(house)
    act = add_calls(house, "high", "low")

    shut = asked(soar, "asset", "disable", "vt", "--waiting", "fail")

    assert (shut["when_closed"], shut["failed"]) == ("fail", 2)
    for call in act.calls:
        assert status_of(house, call) == ("failed", "budget", "asset 'vt' is disabled")
    assert bells(house) == [f"resume_run-{act.run}-{act.join}"]
    with house.database.begin() as work:
        assert not work.assets.get("vt").parks_when_closed


def test_a_disabled_asset_that_is_set_to_fail_ends_what_waits(soar, house):
    """
    Also by an edit: no call waits for an asset that would fail it.
    """
    add_asset(house)
    act = add_calls(house, "high")
    soar("asset", "disable", "vt")

    soar("asset", "set", "vt", "when_closed=fail")

    assert status_of(house, act.calls[0])[0] == "failed"


def test_only_enabling_forgets_refused_credentials(soar, house):
    """
    Disabling keeps the reason; enabling opens the lane and says what had closed it.
    """
    add_asset(house)
    close(house, "broken")
    soar("asset", "disable", "vt", "--waiting", "park")
    assert asked(soar, "asset", "show", "vt")["broken"] == "the key was refused"

    result = soar("asset", "enable", "vt")

    assert "credentials were refused before: the key was refused" in result.stdout
    assert asked(soar, "lanes", "vt")[0]["state"] == "open"


def test_an_asset_for_which_calls_wait_is_not_deleted(soar, house):
    """
    The refusal says how many calls wait and what may become of them; nothing has changed.
    """
    add_asset(house)
    act = add_calls(house, "high", "low")

    result = soar("asset", "delete", "vt")

    assert result.exit_code == 5
    assert "2 calls wait for asset 'vt'" in result.stderr
    assert "--waiting fail" in result.stderr
    assert status_of(house, act.calls[0])[0] == "parked"
    assert asked(soar, "asset", "show", "vt")["state"] == "incomplete"


def test_an_asset_deleted_with_fail_ends_its_calls_and_tells_their_runs(soar, house):
    """
    Calls that wait for a person stay with their question; a run with other calls is not told.
    """
    add_asset(house)
    act = add_calls(house, "high", "low")
    held = add_calls(house, "high", parked_for="approval")
    with house.database.begin() as work:
        work.runs._do("update action_run set remaining = 3 where id = :id", id=act.join)
    other = add_calls(house, "medium")

    gone = asked(soar, "asset", "delete", "vt", "--waiting", "fail")

    assert gone == {"deleted": "vt", "waiting": "fail", "calls": 3}
    for call in (*act.calls, *other.calls):
        assert status_of(house, call) == ("failed", "budget", "asset 'vt' was deleted")
    assert status_of(house, held.calls[0])[:2] == ("parked", "approval")
    assert bells(house) == [f"resume_run-{other.run}-{other.join}"]
    assert asked(soar, "lanes") == []


def test_an_asset_deleted_with_park_leaves_its_calls_to_the_next_of_that_name(soar, house):
    """
    They wait in the lane of a deleted asset, also those that were on their way.
    """
    add_asset(house)
    act = add_calls(house, "high", "low")
    with house.database.begin() as work:
        work.calls._do("update app_run set status = 'pending', parked_for = null where id = 1")

    result = soar("asset", "delete", "vt", "--waiting", "park")

    assert "2 calls wait for an asset of that name" in result.stdout
    assert status_of(house, act.calls[0]) == ("parked", "budget", "asset 'vt' was deleted")
    (lane,) = asked(soar, "lanes")
    assert (lane["asset"], lane["state"], lane["total"]) == ("vt", "deleted", 2)
    add_asset(house)
    assert asked(soar, "lanes", "vt")[0]["state"] == "open"


def test_an_asset_for_which_nobody_waits_is_deleted_at_once(soar, house):
    """
    Without calls there is nothing to say about them.
    """
    add_asset(house)

    assert soar("asset", "delete", "vt").stdout == "vt is deleted\n"
    assert asked(soar, "asset", "list") == []


@pytest.mark.parametrize("command", ["disable", "delete"])
def test_calls_can_only_be_parked_or_failed(soar, house, command):
    """
    Another word ends with 2 and changes nothing.
    """
    add_asset(house)

    result = soar("asset", command, "vt", "--waiting", "drop", "--json")

    assert (result.exit_code, json.loads(result.stdout)["field"]) == (2, "waiting")
    assert asked(soar, "asset", "show", "vt")["state"] == "incomplete"


def test_a_good_test_of_an_asset_does_not_open_its_lane(soar, house, monkeypatch):
    """
    It says that the lane is closed until the asset is edited, and why.
    """
    add_asset(house)
    close(house, "broken")
    monkeypatch.setattr("soar.cli.assets._probe", lambda *_: "reached")

    result = soar("asset", "test", "vt")

    expected = "reached; the lane is closed until the asset is edited: the key was refused\n"
    assert result.stdout == expected
    assert "the key was refused" in asked(soar, "asset", "test", "vt")["closed"]
    assert asked(soar, "asset", "show", "vt")["state"] == "broken"


def test_a_bad_test_of_an_asset_says_why(soar, house, monkeypatch):
    """
    What the vendor says now is the sentence, whatever the lane is.
    """
    add_asset(house)
    close(house, "broken")

    def refused(*_: object) -> str:
        raise BadCredentials("the key is still refused")

    monkeypatch.setattr("soar.cli.assets._probe", refused)

    assert "the key is still refused" in soar("asset", "test", "vt").stderr


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0.2, "0 s"),
        (59, "59 s"),
        (125, "2 min 5 s"),
        (7200, "2 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_time_to_wait_is_told_in_the_units_that_matter(seconds, shown):
    """
    Seconds below a minute, and never more than two units.
    """
    length = None if seconds is None else timedelta(seconds=seconds)

    assert screen.span(length) == shown
