"""
``soar contained`` and ``/rest/containment``: what stands, renewed, taken back, compared.

In: rows of the ledger, and the lab's firewall, which has its own mind. Out: nothing.
Never: a vendor that agrees because a test said so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from soar import containment, inventory
from soar.bootstrap import House
from soar.domain.model import Asset
from soar.lab.server import LabServer, build
from soar.lab.simulator import Fault
from soar.lab.vendors.palo_alto import PaloAlto
from soar.limiter import LaneState
from soar.tasks.palo_alto import actions
from soar.tasks.probe import Question, probe
from tests.integration.conftest import Soar
from tests.integration.rest.stage import client_of, serving
from tests.integration.waiting import add_calls

CONTAIN = """
with box as (insert into container (asset, source_id, name, label, severity)
    values ('fw', gen_random_uuid()::text, 'a case', 'events', 'high') returning id),
text as (insert into playbook (name, title, version, source, sha256)
    values ('blocks', 'Blocks', '1', '', gen_random_uuid()::text) returning id),
run as (insert into playbook_run (container_id, playbook_id, status, end_time)
    select box.id, text.id, 'success', now() from box, text returning id, container_id),
act as (insert into action_run (run_id, container_id, kind, action, delivered_at, end_time)
    select id, container_id, 'act', :action, now(), now() from run returning id),
call as (insert into app_run (action_run_id, join_id, run_id, container_id, app, app_version,
      action, asset, task, parameters, status, effect, target, end_time)
    select act.id, act.id, run.id, run.container_id, 'palo_alto', '1.0.0', :action, 'fw', :task,
      cast(:parameters as jsonb), 'success', 'confirmed', :target, now() from run, act
    returning id, run_id, container_id)
insert into effect (asset, action, target, intent, undo, status, app_run_id, run_id, container_id,
      confirmed_at, expires_at, vendor_ends)
    select 'fw', :action, :target, 'standing', :undo, 'confirmed', id, run_id, container_id,
      now(), now() + make_interval(mins => :minutes), :vendor_ends from call returning id
"""

Contain = Callable[..., int]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """The lab while the tests of this file run."""
    server = build(tmp_path_factory.mktemp("lab")).start()
    yield server
    server.stop()


@pytest.fixture
def firewall(lab: LabServer, house: House) -> PaloAlto:
    """The lab's firewall, empty, and the house's asset for it."""
    simulator = next(s for s in lab.lab.simulators if isinstance(s, PaloAlto))
    with simulator.lock:
        simulator.reset()
    key = simulator.world.keys["palo_alto"]
    asset = {
        "app": "palo_alto",
        "asset_name": "fw",
        "configuration": {"base_url": lab.url, "api_key": key},
    }
    with house.database.begin() as work:
        inventory.save(work, asset, catalog=house.catalog, vault=house.vault())
    return simulator


@pytest.fixture
def contain(house: House, firewall: PaloAlto) -> Contain:
    """Write down that something is contained; returns its number."""

    def write(
        value: str = "203.0.113.66", *, action: str = "block url", minutes: int | None = None
    ) -> int:
        name = action.split()[1]
        with house.database.begin() as work:
            return int(
                work.containers._value(
                    CONTAIN,
                    action=action,
                    task=f"soar.tasks.palo_alto.{action.replace(' ', '_')}",
                    parameters=json.dumps({name: value}),
                    target=f"{name}={value}",
                    undo=f"un{action}",
                    minutes=minutes,
                    vendor_ends=action == "block ip",
                )
            )

    return write


def block(house: House, ip: str) -> None:
    """Block an address at the firewall itself."""
    with house.database.begin() as work:
        asset: Asset = work.assets.get("fw")
    write = Question(name="test", function=actions.block_ip, cost=1, parameters={"ip": ip})
    probe(asset, write, house.vault(), house.limiter())


def lane(house: House) -> LaneState:
    """Return what the lane of the firewall knows."""
    with house.database.begin() as work:
        asset = work.assets.get("fw")
    return house.limiter().state("fw", asset.budget, edited=asset.updated_at)


def asking(house: House, *, seconds: float = 0.0) -> Callable[[], list[str]]:
    """Return what asks the firewall of all that stands, and what it says or why it is not asked."""
    reconciliation = containment.Reconciliation(
        database=house.database,
        catalog=house.catalog,
        limiter=house.limiter(),
        vault=house.vault(),
        patience=timedelta(seconds=seconds),
    )

    def ask() -> list[str]:
        with house.database.begin() as work:
            standing = containment.contained(work, house.catalog)
        return [found.problem or found.says for found in map(reconciliation.look, standing)]

    return ask


def listed(soar: Soar, *words: str) -> list[dict[str, Any]]:
    """Return what the command shows to a machine."""
    documents: list[dict[str, Any]] = json.loads(soar("contained", *words, "--json").stdout)
    return documents


def test_what_stands_is_listed_with_its_run_and_its_end(soar: Soar, contain: Contain) -> None:
    """
    A person sees a table, a machine the same as JSON.
    """
    one = contain("bad.example/x")
    two = contain(action="block ip", minutes=60)

    newest, oldest = listed(soar)
    text = soar("contained").stdout

    assert (oldest["id"], oldest["target"], oldest["until"]) == (one, "bad.example/x", None)
    assert (newest["id"], newest["ends_by"], newest["status"]) == (two, "the vendor", "confirmed")
    assert "bad.example/x" in text
    assert f"blocks, run {oldest['run']}" in text


def test_nothing_contained_is_said(soar: Soar, firewall: PaloAlto) -> None:
    """
    Not an empty screen.
    """
    assert "Nothing is contained." in soar("contained").stdout
    assert listed(soar, "--asset", "fw") == []
    assert soar("contained", "--asset", "nobody").exit_code == 3


def test_a_containment_becomes_a_lease_and_stops_being_one(soar: Soar, contain: Contain) -> None:
    """
    Renewing says until when; 0 minutes mean until somebody undoes it.
    """
    number = contain("bad.example")

    assert "stands until 2" in soar("contained", "renew", number, "--minutes", 90).stdout
    assert listed(soar)[0]["ends_by"] == "unblock url"
    assert "until it is undone" in soar("contained", "renew", number, "--minutes", 0).stdout
    assert listed(soar)[0]["until"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("renew", 99, "--minutes", 5), 3, "there is no containment 99"),
        (("undo", 99), 3, "there is no containment 99"),
        (("settle", 99, "--missed"), 3, "there is no effect 99"),
        (("settle", 1, "--happened"), 5, "is not unknown"),
        (("settle", 1), 2, "--happened"),
        (("renew", 1, "--minutes", -5), 2, "minutes"),
        (("renew", 1, "--minutes", 5), 5, "is ended by its vendor"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    soar: Soar, contain: Contain, words: tuple[object, ...], code: int, said: str
) -> None:
    """
    With the exit code of its kind.
    """
    assert contain(action="block ip", minutes=60) == 1

    result = soar("contained", *words)

    assert result.exit_code == code
    assert said in result.stderr


def test_what_nobody_knows_is_told(soar: Soar, house: House, contain: Contain) -> None:
    """
    It took effect, or it did not.
    """
    one, two = contain("a.example"), contain("b.example")
    with house.database.begin() as work:
        work.containers._do("update effect set status = 'unknown'")

    assert f"Effect {one} took effect." in soar("contained", "settle", one, "--happened").stdout
    result = soar("contained", "settle", two, "--missed", "--json")

    assert json.loads(result.stdout) == {"effect": two, "took_effect": False}
    assert [(d["id"], d["status"]) for d in listed(soar)] == [(one, "confirmed")]


def test_a_part_of_the_list_says_how_much_is_older(soar: Soar, contain: Contain) -> None:
    """
    And how to see it, beside the document and not in it.
    """
    ids = [contain(f"{letter}.example") for letter in "abc"]

    part = soar("contained", "--limit", 2, "--json")
    rest = soar("contained", "--before", ids[1], "--ended")

    assert [d["id"] for d in json.loads(part.stdout)] == [ids[2], ids[1]]
    assert f"1 more, which are older: --before {ids[1]}" in part.stderr
    assert "a.example" in rest.stdout
    assert "more" not in rest.stderr


def test_an_undo_is_a_run_of_its_own_in_the_same_container(
    soar: Soar, house: House, contain: Contain
) -> None:
    """
    Its call waits in the asset's lane like any other; a second undo is refused meanwhile.
    """
    number = contain("bad.example")

    run = json.loads(soar("contained", "undo", number, "--json").stdout)["run"]

    with house.database.begin() as work:
        (call,) = work.containers._all("select * from app_run where run_id = :r", r=run)
        assert work.runs.get(run)["started_by"] == "command line"
    assert (call["action"], call["parameters"]) == ("unblock url", {"url": "bad.example"})
    assert call["container_id"] == listed(soar)[0]["container"]
    assert soar("contained", "undo", number).exit_code == 5
    assert listed(soar)[0]["undo_run"] == run


def test_a_reconciliation_finds_what_the_vendor_no_longer_has(
    soar: Soar, house: House, contain: Contain
) -> None:
    """
    What stands is marked as seen, what is gone is closed, and the exit code says that it was.
    """
    block(house, "203.0.113.1")
    stands = contain("203.0.113.1", action="block ip", minutes=60)
    gone = contain("203.0.113.2", action="block ip", minutes=60)

    result = soar("contained", "reconcile", "--json")

    says = {d["id"]: (d["says"], d["news"]) for d in json.loads(result.stdout)}
    assert says == {stands: ("stands", False), gone: ("gone", True)}
    assert result.exit_code == 1
    assert [d["id"] for d in listed(soar)] == [stands]
    assert listed(soar)[0]["checked"] is not None
    ended = next(d for d in listed(soar, "--ended") if d["id"] == gone)
    assert ended["ended_because"] == "the vendor says that it does not stand"
    assert soar("contained", "reconcile").exit_code == 0


def test_a_vendor_that_cannot_be_asked_changes_nothing(
    soar: Soar, lab: LabServer, contain: Contain
) -> None:
    """
    Not asked is not gone.
    """
    contain("203.0.113.2", action="block ip", minutes=60)
    soar("asset", "set", "fw", "base_url=http://127.0.0.1:1")

    result = soar("contained", "reconcile", "--json")

    (document,) = json.loads(result.stdout)
    assert (document["says"], result.exit_code) == ("not asked", 1)
    assert "no connection to 127.0.0.1:1" in document["problem"]
    assert len(listed(soar)) == 1


def test_clients_read_the_ledger_page_by_page(house: House, contain: Contain) -> None:
    """
    `/rest/containment`, filtered like every list; one by its id.
    """
    number = contain(action="block ip", minutes=60)
    with serving(house) as url:
        client = client_of(house, url, "reader")
        page = client.get("/rest/containment", _filter_asset='"fw"').json()
        one = client.get(f"/rest/containment/{number}").json()

    assert (page["count"], page["data"][0]["id"]) == (1, number)
    assert (one["action"], one["target"], one["vendor_ends"]) == ("block ip", "203.0.113.66", True)


def test_a_question_counts_the_calls_that_an_emptied_lane_has_forgotten(
    soar: Soar, house: House, lab: LabServer, contain: Contain
) -> None:
    """
    It is none of them: eight were made, it takes two, and nine a minute are allowed.
    """
    contain("203.0.113.2", action="block ip", minutes=60)
    soar("asset", "set", "fw", "rate_limit=9/minute")
    calls = add_calls(house, "high", "high", asset="fw").calls
    with house.database.begin() as work:
        work.calls._do(
            "update app_run set status = 'success', made = 4, claimed_at = now(), end_time = now(),"
            " start_time = now() where id = any(:ids)",
            ids=list(calls),
        )
    lab.lab.arrivals.clear()

    assert asking(house)() == ["its budget (9/minute) is spent"]
    assert lab.lab.log() == []


def test_an_answer_opens_the_lane_of_a_vendor_that_was_away(house: House, contain: Contain) -> None:
    """
    That nothing stands is an answer.
    """
    contain("203.0.113.2", action="block ip", minutes=60)
    limiter = house.limiter()
    for _ in range(5):
        limiter.no_answer("fw")
    assert asking(house)() == ["its vendor does not answer"]
    limiter._script.registered_client.hdel("soar:lane:{fw}", "closed")  # its time is over

    assert asking(house)() == ["gone"]

    assert (lane(house).failures, lane(house).closed) == (0, timedelta(0))


def test_a_vendor_that_does_not_answer_a_question_is_told_to_its_lane(
    soar: Soar, house: House, contain: Contain
) -> None:
    """
    As a call's missing answer would be.
    """
    contain("203.0.113.2", action="block ip", minutes=60)
    soar("asset", "set", "fw", "base_url=http://127.0.0.1:1")

    assert asking(house)() == ["no connection to 127.0.0.1:1"]

    assert lane(house).failures == 1


def test_a_vendor_that_asks_a_question_to_wait_is_left_alone(
    house: House, lab: LabServer, contain: Contain
) -> None:
    """
    The next one is not asked.
    """
    contain("203.0.113.2", action="block ip", minutes=60)
    contain("203.0.113.3", action="block ip", minutes=60)
    lab.lab.faults.append(Fault(vendor="palo_alto", kind="status", value=429))

    assert asking(house)()[1] == "its vendor asked to wait"

    assert lane(house).blocked > timedelta(0)


@pytest.mark.parametrize(
    ("limit", "fourth"), [("7/second", "gone"), ("7/day", "its budget (7/day) is spent")]
)
def test_a_question_waits_for_its_turn_and_no_longer(
    soar: Soar, house: House, contain: Contain, limit: str, fourth: str
) -> None:
    """
    A limit per second has a call free at once, a spent day has none for hours.
    """
    for n in range(2, 6):
        contain(f"203.0.113.{n}", action="block ip", minutes=60)
    assert soar("asset", "set", "fw", f"rate_limit={limit}").exit_code == 0

    assert asking(house, seconds=30)() == [*["gone"] * 3, fourth]


def test_slots_that_stay_taken_are_waited_for_once(
    soar: Soar, house: House, contain: Contain
) -> None:
    """
    What else stands on that asset is asked only if a slot is free, and nobody's slot is taken.
    """
    contain("203.0.113.2", action="block ip", minutes=60)
    soar("asset", "set", "fw", "concurrency=1")
    with house.database.begin() as work:
        budget = work.assets.get("fw").budget
    house.limiter().take("fw", budget, call="another")
    taken = "as many calls as may be at once are under way"
    ask, began = asking(house, seconds=0.7), lane(house).asked

    assert ask() == [taken]
    tries = lane(house).asked - began
    assert ask() == [taken]

    assert tries > 3
    assert lane(house).asked - began - tries == 2  # one look of its own, and this one
    with house.database.begin() as work:
        assert work.lanes.under_way(asset="fw") == {"fw": 1}
