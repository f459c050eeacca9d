"""
Lanes over HTTP: lists, one lane, the place of one call, and metrics for Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from soar.api import lanes as room
from soar.bootstrap import House
from soar.lanes import STATES
from soar.limiter import Limiter
from tests.integration.rest.stage import ASSET, Client, client_of, serving
from tests.integration.waiting import add_asset, add_calls, bells, status_of, without_redis

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "lanes.md"
FIELDS = {
    "asset",
    "app",
    "budget",
    "state",
    "why",
    "waiting",
    "total",
    "oldest_seconds",
    "spent",
    "last_minute",
    "grants",
    "under_way",
    "saved_24h",
    "opens_in_seconds",
}

Samples = dict[tuple[str, ...], float]


def lane(client: Client, asset: str = "vt") -> dict[str, Any]:
    """Return a lane as a client sees it."""
    answer = client.get(f"/rest/lane/{asset}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def scraped(client: Client) -> Samples:
    """Return the samples of one scrape by name and labels."""
    answer = requests.get(
        f"{client.url}/metrics", headers={"Authorization": f"Bearer {client.token}"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_lanes_are_listed_in_the_envelope_of_every_list(house: House, reader: Client) -> None:
    """
    A token suffices; lanes come in pages, by name, and can be filtered by it.
    """
    for slug in ("c", "a", "b"):
        add_asset(house, slug)
    add_calls(house, "high", "low", asset="b")

    page = reader.get("/rest/lane", page_size=2).json()

    assert (page["count"], page["num_pages"]) == (3, 2)
    assert [row["asset"] for row in page["data"]] == ["a", "b"]
    assert set(page["data"][0]) == FIELDS
    assert page["data"][1]["waiting"] == {"critical": 0, "high": 1, "medium": 0, "low": 1}
    (found,) = reader.get("/rest/lane", _filter_asset='"c"', _exclude_fields="why").json()["data"]
    assert (found["asset"], "why" in found) == ("c", False)
    assert reader.get("/rest/lane", page=9).status_code == 400


def test_one_lane_says_what_is_spent(house: House, reader: Client) -> None:
    """
    Every limit and quota has what is spent of it and what is left.
    """
    add_asset(house, rate_limit="4/minute, 500/day", concurrency=2)
    with house.database.begin() as work:
        budget = work.assets.get("vt").budget
    house.limiter().take("vt", budget, call="x")

    found = lane(reader)

    assert found["budget"] == "4/minute, 500/day, 2 at once"
    assert found["spent"] == [
        {"limit": "4/minute", "calls": 4, "spent": 1, "left": 3},
        {"limit": "500/day", "calls": 500, "spent": 1, "left": 499},
    ]
    assert (found["last_minute"], found["grants"], found["under_way"]) == (1, 1, 1)
    assert (found["state"], found["opens_in_seconds"]) == ("open", 0)


def test_the_next_call_of_a_reserved_budget_is_the_one_that_waits(
    house: House, reader: Client
) -> None:
    """
    Half is kept for critical ones: a low head waits, a critical one may go now.
    """
    add_asset(house, max_requests_per_minute=4, reserved_for_critical=50)
    add_calls(house, "low")
    with house.database.begin() as work:
        budget = work.assets.get("vt").budget
    for _ in range(2):
        house.limiter().take("vt", budget)

    assert lane(reader)["opens_in_seconds"] > 50
    add_calls(house, "critical")
    assert lane(reader)["opens_in_seconds"] == 0


def test_the_place_of_a_call_is_told(house: House, reader: Client) -> None:
    """
    Behind nine others at four a minute: the tenth, in two minutes.
    """
    add_asset(house)
    act = add_calls(house, *["medium"] * 10)

    place = reader.get(f"/rest/lane/vt/{act.calls[-1]}").json()

    assert 118 < place.pop("expected_in_seconds") < 125
    assert 90 <= place.pop("waited_seconds") < 150
    assert place == {
        "app_run": act.calls[-1],
        "playbook_run": act.run,
        "asset": "vt",
        "action": "url reputation",
        "severity": "medium",
        "position": 10,
    }


def test_a_place_far_behind_follows_the_rate_of_the_budget(house: House, reader: Client) -> None:
    """
    What is beyond the planned calls is reckoned, not simulated.
    """
    add_asset(house)
    act = add_calls(house, *["low"] * 100)

    place = reader.get(f"/rest/lane/vt/{act.calls[-1]}").json()

    assert 24 * 60 - 60 < place["expected_in_seconds"] < 24 * 60 + 60


def took(house: House, *spans: str) -> None:
    """Let calls of the asset have been made that took so long."""
    for call, span in zip(add_calls(house, *["low"] * len(spans)).calls, spans, strict=True):
        house.database.run(
            "update app_run set status = 'success', parked_for = null, made = 1, end_time = now(),"
            " claimed_at = now() - cast(%(span)s as interval) where id = %(id)s",
            {"id": call, "span": span},
        )


def test_a_place_behind_calls_under_way_follows_how_long_calls_take(
    house: House, reader: Client
) -> None:
    """
    Two at once, both taken, ten seconds each: the ninth to wait goes in 45 seconds, the next in 5.
    """
    add_asset(house, concurrency=2)
    took(house, "8 s", "12 s")
    act = add_calls(house, *["low"] * 9)
    with house.database.begin() as work:
        budget = work.assets.get("vt").budget
    house.limiter().take("vt", budget, call="x")

    assert lane(reader)["opens_in_seconds"] == 0
    assert reader.get(f"/rest/lane/vt/{act.calls[0]}").json()["expected_in_seconds"] == 0
    house.limiter().take("vt", budget, call="y")

    assert lane(reader)["opens_in_seconds"] == 5
    assert reader.get(f"/rest/lane/vt/{act.calls[-1]}").json()["expected_in_seconds"] == 45


def test_a_place_behind_calls_under_way_is_no_sooner_than_the_limit(
    house: House, reader: Client
) -> None:
    """
    Calls are short, four a minute are not many: the tenth goes in two minutes.
    """
    add_asset(house, max_requests_per_minute=4, concurrency=1)
    took(house, "1 s")
    act = add_calls(house, *["medium"] * 10)

    place = reader.get(f"/rest/lane/vt/{act.calls[-1]}").json()

    assert 118 < place["expected_in_seconds"] < 125


def test_nobody_knows_a_place_behind_calls_of_which_none_was_made_lately(
    house: House, reader: Client
) -> None:
    """
    The slot is taken, and the last call ended two days ago.
    """
    add_asset(house, concurrency=1)
    took(house, "8 s")
    house.database.run("update app_run set end_time = end_time - interval '2 days'", {})
    act = add_calls(house, "low")
    with house.database.begin() as work:
        house.limiter().take("vt", work.assets.get("vt").budget, call="x")

    assert lane(reader)["opens_in_seconds"] is None
    place = reader.get(f"/rest/lane/vt/{act.calls[0]}").json()
    assert (place["position"], place["expected_in_seconds"]) == (1, None)


@pytest.mark.parametrize("path", ["nobody", "nobody/1", "vt/99", "vt/x", "other/1"])
def test_what_is_not_there_is_404(house: House, reader: Client, path: str) -> None:
    """
    An unknown asset, a call that does not wait, or one that waits for another asset.
    """
    add_asset(house)
    add_asset(house, "other")
    add_calls(house, "high")

    answer = reader.get(f"/rest/lane/{path}")

    assert (answer.status_code, answer.json()["failed"]) == (404, True)


@pytest.mark.parametrize("path", ["/rest/lane", "/rest/lane/vt", "/rest/lane/vt/1", "/metrics"])
def test_nobody_sees_a_lane_without_a_token(url: str, path: str) -> None:
    """
    401, also for a bearer's token that nobody has.
    """
    for headers in ({}, {"Authorization": "Bearer x"}, {"ph-auth-token": "x"}):
        assert requests.get(url + path, headers=headers, timeout=10).status_code == 401


CLOSINGS: dict[str, Callable[[House], object]] = {
    "open": lambda _: None,
    "waits": lambda house: house.limiter().block("vt", timedelta(seconds=30)),
    "closed": lambda house: [house.limiter().no_answer("vt") for _ in range(5)],
    "disabled": lambda house: write(house, "disabled = true"),
    "broken": lambda house: write(house, "broken = 'refused'"),
}


def write(house: House, change: str) -> None:
    """Change the asset as nobody should."""
    with house.database.begin() as work:
        work.assets._do(f"update asset set {change}")


@pytest.mark.parametrize("state", CLOSINGS)
def test_a_state_is_told_and_counted(house: House, reader: Client, state: str) -> None:
    """
    JSON has the word, metrics have 1 for it and 0 for every other.
    """
    add_asset(house)
    CLOSINGS[state](house)

    assert lane(reader)["state"] == state
    samples = scraped(reader)
    assert {s: samples["soar_lane_state", "vt", s] for s in STATES} == {
        s: float(s == state) for s in STATES
    }


def test_redis_that_is_away_makes_lanes_unknown(house: House) -> None:
    """
    200 with who waits; metrics leave out what nobody knows, so that no counter seems reset.
    """
    add_asset(house)
    add_asset(house, "other")
    act = add_calls(house, "high")
    with without_redis(house) as away, serving(away) as url:
        client = client_of(house, url, "guest")
        found = lane(client)
        place = client.get(f"/rest/lane/vt/{act.calls[0]}").json()
        samples = scraped(client)

    assert (found["state"], found["total"], found["spent"]) == ("unknown", 1, [])
    assert (place["position"], place["expected_in_seconds"]) == (1, None)
    assert samples["soar_lane_state", "other", "unknown"] == 1
    assert samples["soar_lane_waiting", "vt", "high"] == 1
    assert ("soar_lane_grants_total", "vt") not in samples
    assert ("soar_lane_last_minute", "vt") not in samples


def test_metrics_have_every_lane(house: House, reader: Client) -> None:
    """
    Prometheus can read them; each number is that of the lane.
    """
    add_asset(house, rate_limit="4/minute, 500/day")
    add_calls(house, "high", "low", "low")
    add_calls(house, "medium", asset="gone")
    with house.database.begin() as work:
        budget = work.assets.get("vt").budget
        work.calls._do(
            "update app_run set status = 'success', reused_from = 1, end_time = now() where id = 3"
        )
    house.limiter().take("vt", budget)

    samples = scraped(reader)

    assert 90 <= samples.pop(("soar_lane_oldest_seconds", "vt")) < 150
    expected = {
        ("soar_lane_waiting", "vt", "high"): 1,
        ("soar_lane_waiting", "vt", "low"): 1,
        ("soar_lane_waiting", "vt", "critical"): 0,
        ("soar_lane_waiting", "gone", "medium"): 1,
        ("soar_lane_state", "gone", "deleted"): 1,
        ("soar_lane_spent", "vt", "4/minute"): 1,
        ("soar_lane_left", "vt", "4/minute"): 3,
        ("soar_lane_left", "vt", "500/day"): 499,
        ("soar_lane_grants_total", "vt"): 1,
        ("soar_lane_last_minute", "vt"): 1,
        ("soar_lane_under_way", "vt"): 0,
        ("soar_lane_saved_calls", "vt"): 1,
    }
    assert {key: samples[key] for key in expected} == expected


def test_every_metric_is_documented(house: House, reader: Client) -> None:
    """
    The page on lanes names each with its labels, and every state.
    """
    add_asset(house)
    text = PAGE.read_text()

    assert {key[0] for key in scraped(reader) if f"`{key[0]}`" not in text} == set()
    assert [state for state in STATES if f"`{state}`" not in text] == []


def test_a_process_makes_one_limiter(
    house: House, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    However often lanes are asked for, over any address.
    """
    made: list[Limiter] = []
    real = type(house).limiter
    monkeypatch.setattr(
        type(house), "limiter", lambda self, **how: made.append(real(self, **how)) or made[-1]
    )
    add_asset(house)

    for _ in range(2):
        lane(reader)
        scraped(reader)

    assert len(made) == 1
    assert room.Window(house).limiter is made[-1]


def test_an_asset_that_is_disabled_over_rest_leaves_no_call_behind(
    house: House, admin: Client
) -> None:
    """
    With when_closed "fail" what waits for it ends, and its run is told.
    """
    configuration = {**ASSET["configuration"], "when_closed": "fail"}
    made = admin.post("/rest/asset", {**ASSET, "configuration": configuration}).json()
    act = add_calls(house, "high", asset="virustotal_prod")

    assert admin.post(f"/rest/asset/{made['id']}", {"disabled": True}).status_code == 200

    why = "asset 'virustotal_prod' is disabled"
    assert status_of(house, act.calls[0]) == ("failed", "budget", why)
    assert bells(house) == [f"resume_run-{act.run}-{act.join}"]
