"""
``soar asset test``: one question to a vendor, within the budget of its asset.

In: an asset of the lab's VirusTotal, and a lane in a real Valkey. Out: nothing.
Never: a request at the vendor's door that its budget had no room for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from soar import inventory
from soar.bootstrap import House
from soar.domain.budget import Budget
from soar.lab.server import LabServer, build
from soar.lab.simulator import Fault
from soar.lab.world import World
from soar.limiter import LaneState
from tests.integration.conftest import Soar
from tests.integration.waiting import AWAY, add_calls

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """The lab while the tests of this file run."""
    server = build(tmp_path_factory.mktemp("lab")).start()
    yield server
    server.stop()


@pytest.fixture
def lab(running: LabServer) -> LabServer:
    """The lab, which nobody has asked yet."""
    running.lab.arrivals.clear()
    running.lab.faults.clear()
    return running


@pytest.fixture
def key() -> str:
    """What the lab's VirusTotal lets in."""
    return World().keys["virustotal"]


@pytest.fixture
def asset(house: House, lab: LabServer, key: str) -> None:
    """The house's asset for the lab's VirusTotal, which may be asked twice a minute."""
    keep(house, "VirusTotal v3", "vt", base_url=lab.url, api_key=key)


def keep(house: House, app: str, slug: str, **configuration: Any) -> None:
    """Keep an asset with a budget of two requests a minute."""
    settings = {"rate_limit": "2/minute", **configuration}
    raw = {"app": app, "asset_name": slug, "configuration": settings}
    with house.database.begin() as work:
        inventory.save(work, raw, catalog=house.catalog, vault=house.vault())


def forget(house: House) -> None:
    """Let time pass: Redis knows of no call of late."""
    house.limiter()._script.registered_client.flushdb()


def lane(house: House, slug: str = "vt") -> LaneState:
    """Return what is spent of an asset's budget."""
    with house.database.begin() as work:
        found = work.assets.get(slug)
    return house.limiter().state(slug, found.budget)


def under_way(house: House) -> int:
    """Return how many calls of the asset hold a slot."""
    with house.database.begin() as work:
        return work.lanes.under_way(asset="vt").get("vt", 0)


def tried(soar: Soar, slug: str = "vt", **more: str) -> tuple[int, dict[str, Any]]:
    """Test an asset, and return the exit code with what a machine is told."""
    result = soar("asset", "test", slug, "--json", **more)
    return result.exit_code, json.loads(result.stdout)


def test_a_test_is_one_request_of_the_budget(soar, house, lab, asset):
    """
    Two go in a minute; the third never reaches the vendor's door, and is told when it may.
    """
    assert [tried(soar)[0], tried(soar)[0]] == [0, 0]
    assert [spent for _, spent in lane(house).spent] == [2]

    code, told = tried(soar)

    assert (code, told["field"]) == (5, None)
    assert 50 < told["after_seconds"] <= 62
    assert len(lab.lab.log()) == 2
    sentence = "error: vt cannot be tested now: its budget (2/minute) is spent; try again in"
    assert soar("asset", "test", "vt").stderr.startswith(sentence)


def test_a_test_takes_what_its_requests_are(soar, house, lab):
    """
    RDAP is asked twice where it points to another server: both are taken before the first.
    """
    keep(house, "Whois RDAP", "whois", base_url=f"{lab.url}/rdap", rate_limit="3/minute")

    assert [tried(soar, "whois")[0], tried(soar, "whois")[0]] == [0, 5]
    assert [spent for _, spent in lane(house, "whois").spent] == [2]


def test_what_is_kept_for_critical_alerts_is_no_test_s(soar, asset):
    """
    Half of two: one test.
    """
    soar("asset", "set", "vt", "reserved_for_critical=50")

    assert [tried(soar)[0], tried(soar)[0]] == [0, 5]


def test_an_emptied_lane_counts_the_calls_that_postgresql_knows(soar, house, lab, asset):
    """
    Two were made just now, and Redis has forgotten them: a third would be one too many.
    """
    calls = add_calls(house, "high", "high", asset="vt").calls
    with house.database.begin() as work:
        work.calls._do(
            "update app_run set status = 'success', made = 1, claimed_at = now(), end_time = now(),"
            " start_time = now() where id = any(:ids)",
            ids=list(calls),
        )

    assert tried(soar)[0] == 5
    assert lab.lab.log() == []


def test_a_corrected_key_can_be_tested(soar, house, asset, key):
    """
    Whether the asset is still broken or was edited: the vendor says what it thinks of the key.
    """
    with house.database.begin() as work:
        work.assets.mark_broken(work.assets.get("vt"), "the key was refused")
    code, told = tried(soar)
    assert (code, told["closed"] != "") == (0, True)

    soar("asset", "set", "vt", "api_key=-", given="wrong\n")
    assert tried(soar)[0] == 1
    forget(house)
    soar("asset", "set", "vt", "api_key=-", given=f"{key}\n")

    code, told = tried(soar)
    assert (code, told["ok"], told["closed"]) == (0, True, "")


def test_a_vendor_that_asked_to_wait_is_not_tested(soar, house, lab, asset):
    """
    Its lane says until when.
    """
    house.limiter().block("vt", timedelta(seconds=30))

    code, told = tried(soar)

    assert (code, 25 < told["after_seconds"] <= 30) == (5, True)
    assert "its vendor asked to wait; try again in" in told["error"]
    assert lab.lab.log() == []


def test_an_edit_opens_the_lane_for_a_test(soar, house, asset):
    """
    Nobody waits, so no pump knows of it: the test of the edited asset goes all the same.
    """
    assert tried(soar)[0] == 0
    house.limiter().block("vt", timedelta(hours=8))
    assert tried(soar)[0] == 5

    soar("asset", "set", "vt", "reuse_results=true")

    assert tried(soar)[0] == 0


def test_the_test_of_a_vendor_that_was_away_is_the_one_call_that_tries_again(soar, house, asset):
    """
    While its lane is closed there is none; after that its answer opens the lane for everybody.
    """
    limiter = house.limiter()
    for _ in range(5):
        limiter.no_answer("vt")
    code, told = tried(soar)
    assert (code, "its vendor does not answer" in told["error"]) == (5, True)

    limiter._script.registered_client.hdel("soar:lane:{vt}", "closed")  # its time is over
    assert tried(soar)[0] == 0

    assert (lane(house).failures, lane(house).closed) == (0, timedelta(0))


def test_a_test_beside_the_one_call_that_tries_again_says_so(soar, house, asset):
    """
    Neither a budget nor the vendor holds it up.
    """
    limiter = house.limiter()
    for _ in range(5):
        limiter.no_answer("vt")
    limiter._script.registered_client.hdel("soar:lane:{vt}", "closed")  # its time is over
    assert limiter.take("vt", Budget(), call="7").granted

    code, told = tried(soar)

    assert (code, "another call tries whether it does now" in told["error"]) == (5, True)


def test_a_vendor_that_does_not_answer_a_test_is_told_to_its_lane(soar, house, asset):
    """
    As a call's missing answer would be.
    """
    soar("asset", "set", "vt", f"base_url={NOWHERE}", "rate_limit=false")

    assert [tried(soar)[0] for _ in range(5)] == [1] * 5

    assert lane(house).closed > timedelta(0)
    assert tried(soar)[0] == 5


def test_the_headers_of_a_test_are_told_to_its_lane(soar, house, asset, monkeypatch):
    """
    A vendor that says that nothing is left is left alone.
    """
    wait = timedelta(minutes=7)
    monkeypatch.setattr("soar.connector.nothing_left", lambda _: wait)

    assert tried(soar)[0] == 0

    assert wait - timedelta(seconds=9) < lane(house).blocked <= wait


def test_a_vendor_that_asks_a_test_to_wait_is_left_alone(soar, house, lab, asset):
    """
    429 closes the lane for as long as it says, and the answer says how long.
    """
    lab.lab.faults.append(Fault(vendor="virustotal", kind="status", value=429))

    code, told = tried(soar)

    assert (code, told["after_seconds"]) == (1, 60)
    assert timedelta(seconds=50) < lane(house).blocked <= timedelta(seconds=60)


def test_a_test_holds_a_place_of_the_calls_at_once_and_gives_it_back(soar, house, asset):
    """
    One may be under way: the next test goes when the first is over, however that ended.
    """
    soar("asset", "set", "vt", "concurrency=1", "rate_limit=false", "api_key=-", given="wrong\n")
    assert [tried(soar)[0], tried(soar)[0], under_way(house)] == [1, 1, 0]
    with house.database.begin() as work:
        budget = work.assets.get("vt").budget
    house.limiter().take("vt", budget, call="another")

    code, told = tried(soar)

    assert (code, "as many calls as may be at once are under way" in told["error"]) == (5, True)
    assert under_way(house) == 1


def test_nobody_is_asked_while_the_budget_cannot_be_counted(soar, lab, asset):
    """
    Redis is away: that is a failure of its own, with when to try again.
    """
    code, told = tried(soar, SOAR_REDIS_URL=AWAY)

    assert (code, told["after_seconds"]) == (1, 5)
    assert "the budget cannot be asked for" in told["error"]
    assert lab.lab.log() == []


def test_what_cannot_be_opened_costs_nothing(soar, house, lab, asset):
    """
    An asset whose secrets were sealed with another key is refused before its budget is asked.
    """
    other = json.loads(soar("vault", "new-key", "--json").stdout)["key"]

    assert tried(soar, SOAR_VAULT_KEYS=other)[0] == 1
    assert [spent for _, spent in lane(house).spent] == [0]
    assert lab.lab.log() == []
