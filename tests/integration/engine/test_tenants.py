"""
A run acts for the tenant of its container: on the assets that serve it, within its limits.

In: runs for two tenants, assets that serve one of them, edits in between. Out: nothing.
Never: a call, or somebody else's answer, of an asset that does not serve the tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from soar import access, tenants
from soar.domain.errors import NotAllowed
from soar.domain.model import Person
from tests.integration.engine.test_blast import rule
from tests.integration.engine.test_gate import ISOLATE, approve_unheard, refusal

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

ACME, GLOBEX = 1, 2
ANNA = Person(username="anna", roles=("soc_tier2",), tenants=(ACME,))
GUS = Person(username="gus", roles=("soc_tier2",), tenants=(GLOBEX,))
LOOK = ISOLATE.replace("'isolate'", "'look up'")
JUDGE = ISOLATE.replace("'isolate'", "'ip reputation'")
ON_SHAM = "callback='done', assets=['sham']"
REFUSED = "asset 'sham' does not serve the tenant of this container"


@pytest.fixture(autouse=True)
def _two_tenants(bench: Bench) -> None:
    """Two tenants beside the first one."""
    add_tenants(bench)


def add_tenants(bench: Bench) -> None:
    """Make two tenants."""
    with bench.database.begin() as work:
        made = [tenants.add(work, name, by="a test")["id"] for name in ("Acme", "Globex")]
    assert made == [ACME, GLOBEX]


def serve(bench: Bench, *numbers: int, asset: str = "sham") -> None:
    """Let an asset serve these tenants."""
    with bench.database.begin() as work:
        if asset != "sham":
            work.assets.save(slug=asset, app="sham", configuration={})
        tenants.give_asset(work, asset, numbers, by="a test")


def begin(bench: Bench, source: str, tenant: int) -> int:
    """Queue a run on a container of a tenant."""
    run_id = bench.start(source)
    bench.do(
        "update container set tenant_id = :tenant where id = (select max(id) from container)",
        tenant=tenant,
    )
    return run_id


def play(bench: Bench, source: str, tenant: int) -> int:
    """Play a run on a container of a tenant."""
    run_id = begin(bench, source, tenant)
    bench.deliver_all()
    return run_id


def test_an_act_without_assets_goes_to_those_that_serve_the_tenant(bench: Bench) -> None:
    """
    Each tenant's to its own, and to the one that serves all.
    """
    serve(bench, ACME)
    serve(bench, GLOBEX, asset="sham_globex")
    serve(bench, asset="sham_all")

    for tenant in (ACME, GLOBEX, 0):
        play(bench, LOOK, tenant)

    made = [(row["run_id"], row["asset"]) for row in bench.calls()]
    assert made == [
        (1, "sham"), (1, "sham_all"), (2, "sham_all"), (2, "sham_globex"), (3, "sham_all"),
    ]  # fmt: skip
    assert {row["status"] for row in bench.calls()} == {"success"}


def test_an_act_that_no_asset_serves_fails_and_says_so(bench: Bench) -> None:
    """
    It is not made on another tenant's asset for want of one.
    """
    serve(bench, GLOBEX)

    run_id = play(bench, LOOK, ACME)

    why = "no asset that serves the tenant of this container offers the action 'look up'"
    assert bench.log() == [why]
    assert bench.run(run_id)["status"] == "failed"
    assert not bench.vendor.done


def test_an_asset_that_a_playbook_names_must_serve_the_tenant(bench: Bench) -> None:
    """
    The call fails as the block asks for it, and the callback hears it.
    """
    serve(bench, GLOBEX)

    run_id = play(bench, ISOLATE.replace("callback='done'", ON_SHAM), ACME)

    assert bench.log() == [REFUSED]
    assert bench.notes() == [REFUSED]
    assert bench.run(run_id)["status"] == "failed"
    assert bench.questions() == []


@pytest.mark.parametrize("source", [LOOK, JUDGE, ISOLATE.replace("'isolate'", "'block'")])
def test_the_last_hop_looks_again(bench: Bench, source: str) -> None:
    """
    An asset that was given to another tenant after the call was planned is not called.
    """
    begin(bench, source, ACME)
    bench.deliver(bench.pending.pop(0))
    serve(bench, GLOBEX)

    bench.deliver_all()

    assert refusal(bench) == REFUSED
    assert bench.rows("select 1 from effect where ended_at is null") == []


def test_an_approved_call_is_refused_as_well(bench: Bench) -> None:
    """
    The approval is for a call on an asset that served the tenant then.
    """
    begin(bench, ISOLATE, ACME)
    bench.deliver_all()
    bench.answer(1, by=ANNA)
    serve(bench, GLOBEX)

    bench.deliver_all()

    assert refusal(bench) == REFUSED


def test_an_answer_that_another_tenant_got_is_not_handed_on(bench: Bench) -> None:
    """
    Neither a young one, nor the one that is just being asked for.
    """
    play(bench, JUDGE, GLOBEX)
    assert bench.vendor.done == {("ip reputation", "10.0.0.5"): 1}
    begin(bench, JUDGE, ACME)
    bench.deliver(bench.pending.pop(0))
    serve(bench, GLOBEX)
    bench.deliver_all()
    young = bench.calls()[-1]

    bench.do("delete from app_run where run_id = 1")
    serve(bench)
    for tenant in (GLOBEX, ACME):
        begin(bench, JUDGE, tenant)
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0))
    serve(bench, GLOBEX)
    bench.deliver(bench.pending.pop(0), ends="later")
    bench.deliver_all()
    flying = bench.calls()[-1]
    bench.record()

    for row in (young, flying):
        assert (row["status"], row["message"], row["reused_from"]) == ("failed", REFUSED, None)
    assert bench.calls()[-2]["status"] == "success"


def test_an_asset_that_serves_several_tenants_shares_its_answers(bench: Bench) -> None:
    """
    It is one connection to one vendor, with one budget.
    """
    serve(bench, ACME, GLOBEX)

    for tenant in (GLOBEX, ACME):
        play(bench, JUDGE, tenant)

    assert bench.calls()[-1]["reused_from"] == bench.calls()[0]["id"]
    assert bench.vendor.done == {("ip reputation", "10.0.0.5"): 1}


def test_a_question_carries_the_tenant_of_its_container(bench: Bench) -> None:
    """
    In what is signed; of the Default Tenant it says nothing, as before there were tenants.
    """
    play(bench, ISOLATE, ACME)
    play(bench, ISOLATE, 0)

    assert [row["payload"].get("tenant") for row in bench.questions()] == [ACME, None]


def test_somebody_of_the_tenant_lets_the_call_go(bench: Bench) -> None:
    """
    Their tenants are signed with the answer; so is what a giver and a taker have in common.
    """
    play(bench, ISOLATE, ACME)

    done = bench.answer(1, by=Person(username="b", roles=("soc_tier2",), tenants=(ACME, GLOBEX)))
    bench.deliver_all()

    assert done["signed"]["tenants"] == [ACME, GLOBEX]
    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_who_sees_all_tenants_answers_for_each(bench: Bench) -> None:
    """
    As everybody does who was there before tenants were; their answers say nothing of any.
    """
    play(bench, ISOLATE, ACME)

    done = bench.answer(1)
    bench.deliver_all()

    assert "tenants" not in done["signed"]
    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_a_container_that_a_block_makes_is_of_the_tenant_of_its_run(bench: Bench) -> None:
    """
    Or of an active one that the block names; one that takes no containers gets none.
    """
    bench.do("update tenant set active = false where name = 'Globex'")
    source = (
        "import phantom.rules as phantom\n\n"
        "def on_start(container):\n"
        "    for tenant in (None, 'Default Tenant', 'Globex'):\n"
        "        phantom.create_container(str(tenant), 'events', tenant_id=tenant)\n"
    )

    play(bench, source, ACME)

    made = bench.rows("select name, tenant_id from container where asset = 'playbook' order by id")
    assert [(row["name"], row["tenant_id"]) for row in made] == [
        ("None", ACME),
        ("Default Tenant", 0),
    ]


def test_what_was_asked_before_there_were_tenants_is_of_the_default_tenant(bench: Bench) -> None:
    """
    Questions that were open at the upgrade are answered and count, also by people of that tenant
    only; not by those of another.
    """
    play(bench, ISOLATE, 0)
    (asked,) = bench.questions()
    assert "tenant" not in asked["payload"]

    with pytest.raises(NotAllowed, match="approval 1 belongs to another tenant"):
        bench.answer(1, by=ANNA)
    bench.answer(1, by=Person(username="old", roles=("soc_tier2",), tenants=(0,)))
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_an_answer_from_before_there_were_tenants_counts(bench: Bench) -> None:
    """
    Given just before the upgrade, its call made just after.
    """
    play(bench, ISOLATE, 0)
    done = approve_unheard(bench)
    assert {"tenants", "tenant"}.isdisjoint({*done["signed"], *done["payload"]})

    bench.age()
    bench.sweep()
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_a_limit_per_tenant_counts_what_was_done_for_that_tenant(bench: Bench) -> None:
    """
    One's last place is not taken by another, and the question says whose limit it is.
    """
    rule(bench, kind="limit", limit="1/hour", per="tenant", action="block")
    block = ISOLATE.replace("'isolate'", "'block'")
    on = [block.replace("10.0.0.5", f"10.0.0.{n}") for n in range(4)]

    play(bench, on[0], ACME)
    play(bench, on[1], GLOBEX)
    play(bench, on[2], ACME)
    play(bench, on[3], 0)

    assert [row["status"] for row in bench.calls()] == ["success", "success", "parked", "success"]
    (question,) = bench.questions()
    why = "it would be the 2nd block for tenant Acme within an hour; at most 1 is allowed"
    assert why in question["message"]
    assert question["payload"]["rules"] == ["limit of block per tenant: 1/hour"]
    passed = bench.rows("select tenant_id from blast_pass order by app_run_id")
    assert [row["tenant_id"] for row in passed] == [ACME, GLOBEX, 0]


def test_a_second_approval_past_a_limit_per_tenant_is_of_that_tenant(bench: Bench) -> None:
    """
    Somebody of another cannot give it; then the call goes.
    """
    rule(bench, kind="limit", limit="1/hour", per="tenant", action="block")
    block = ISOLATE.replace("'isolate'", "'block'")
    play(bench, block, ACME)
    play(bench, block.replace("10.0.0.5", "10.0.0.6"), ACME)
    number = bench.questions()[0]["id"]

    with pytest.raises(NotAllowed, match="belongs to another tenant"):
        bench.answer(number, by=GUS)
    bench.answer(number, by=ANNA)
    bench.deliver_all()

    assert bench.vendor.done[("block", "10.0.0.6")] == 1


def test_a_blast_radius_counts_what_is_of_the_tenant(bench: Bench) -> None:
    """
    Whoever is asked sees how much of their tenant's limit is used.
    """
    from soar import dossier
    from tests.integration.engine.conftest import CATALOG

    rule(bench, kind="limit", limit="5/hour", per="tenant", action="isolate")
    for tenant in (GLOBEX, GLOBEX, ACME):
        play(bench, ISOLATE, tenant)
    bench.answer(1, by=GUS)
    bench.deliver_all()
    with bench.database.begin() as work:
        access.create_token(work, "anna", roles=["soc_tier2"])
        tenants.give_person(work, "anna", ["Acme"], by="a test")
        access.create_token(work, "gus", roles=["soc_tier2"])
        tenants.give_person(work, "gus", ["Globex"], by="a test")
        found = {
            number: dossier.of(work, number, who, catalog=CATALOG)
            for number, who in ((2, GUS), (3, ANNA))
        }

    used = {n: {u.rule: u.sent for u in d.choices[0].radius.uses} for n, d in found.items()}
    assert [used[n]["limit of isolate per tenant: 5/hour"] for n in (2, 3)] == [1, 0]
    assert [found[n].people for n in (2, 3)] == [("gus",), ("anna",)]


def test_tenants_take_no_further_statement_of_a_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It takes as many as for an asset that serves all.
    """
    seen: list[str] = []
    run = bench.database.run

    def counted(statement: str, values: Any) -> Any:
        seen.append(statement)
        return run(statement, values)

    monkeypatch.setattr(type(bench.database), "run", lambda _, s, v: counted(s, v))
    play(bench, LOOK, ACME)
    counts = []
    for served in ((), (ACME,)):
        serve(bench, *served)
        begin(bench, LOOK, ACME)
        bench.deliver(bench.pending.pop(0))
        seen.clear()
        bench.deliver(bench.pending.pop(0))
        counts.append(len(seen))
        bench.deliver_all()

    assert {row["status"] for row in bench.calls()} == {"success"}
    assert counts[0] == counts[1]
