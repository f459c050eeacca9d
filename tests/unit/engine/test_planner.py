"""
The planner: what a block asked for, as calls to make or sentences why not. Pure.

In: commands, assets, artifacts and a catalog. Out: nothing. Never: a guess between two hosts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from soar.catalog import ActionSpec, AppSpec, Catalog, FieldSpec
from soar.domain.commands import (
    Act,
    ActTogether,
    AddNote,
    CallPlaybook,
    Log,
    Prompt,
    SaveOutputs,
    SaveRunData,
    UpdateContainer,
)
from soar.domain.model import Asset
from soar.engine.planner import Member, Plan, PlannedAct, Situation, plan


def action(name: str, *fields: FieldSpec, kind: str = "investigate", impact: str = "low") -> Any:
    """Return one action of an app."""
    return lambda app: ActionSpec(
        app=app,
        name=name,
        function=name.replace(" ", "_"),
        kind=kind,
        impact=impact,
        read_only=kind == "investigate",
        timeout=1,
        description="",
        undo="",
        parameters=fields,
    )


def app(slug: str, *actions: Any) -> AppSpec:
    """Return one app."""
    return AppSpec(
        slug=slug,
        name=slug.title(),
        vendor=slug,
        product=slug,
        version="1.0",
        settings=(),
        actions=tuple(make(slug) for make in actions),
    )


IP = FieldSpec(name="ip", required=True, contains=("ip",))
HOST = FieldSpec(name="hostname", required=True, contains=("host name",))
CATALOG = Catalog(
    apps=(
        app("lookup", action("ip reputation", IP, FieldSpec(name="days"))),
        app("other", action("ip reputation", IP)),
        app("edr", action("quarantine device", HOST, kind="contain", impact="high")),
    )
)


def asset(slug: str, of: str, *, disabled: bool = False) -> Asset:
    """Return one asset."""
    return Asset(id=1, slug=slug, app=of, configuration={}, budget=None, disabled=disabled)


ASSETS = {
    "lookup_prod": asset("lookup_prod", "lookup"),
    "lookup_off": asset("lookup_off", "lookup", disabled=True),
    "other_prod": asset("other_prod", "other"),
    "edr_prod": asset("edr_prod", "edr"),
    "stray": asset("stray", "gone"),
}


def planned(
    *commands: Any,
    artifacts: Sequence[Mapping[str, Any]] = (),
    assets: Mapping[str, Asset] = ASSETS,
) -> Plan:
    """Return the plan of these commands."""
    return plan(commands, Situation(catalog=CATALOG, assets=assets, artifacts=artifacts))


def act(name: str = "ip reputation", **more: Any) -> Act:
    """Return an act."""
    return Act(action=name, name=name, **more)


def members(*args: Any, **more: Any) -> tuple[Member, ...]:
    """Return the calls of one act."""
    (join,) = planned(*args, **more).joins
    return join.acts[0].members


def failures(*args: Any, **more: Any) -> list[str]:
    """Return why the calls of one act cannot be made."""
    return [member.failed for member in members(*args, **more)]


def test_an_act_is_one_call_per_asset_and_parameter_set() -> None:
    """
    Two assets and two sets are four calls, each with its task, app and version.
    """
    made = members(
        act(assets=("lookup_prod", "other_prod"), parameters=({"ip": "1.1.1.1"}, {"ip": "2.2.2.2"}))
    )

    assert [(m.asset, m.parameters["ip"]) for m in made] == [
        ("lookup_prod", "1.1.1.1"), ("lookup_prod", "2.2.2.2"),
        ("other_prod", "1.1.1.1"), ("other_prod", "2.2.2.2"),
    ]  # fmt: skip
    assert made[0].task == "soar.tasks.lookup.ip_reputation"
    assert (made[0].app, made[0].app_version) == ("lookup", "1.0")
    assert not any(m.failed or m.parked_for or m.needs.gated for m in made)


def test_no_assets_means_every_asset_that_offers_the_action() -> None:
    """
    All that are not disabled, of every app that has the action.
    """
    made = members(act(parameters=({"ip": "1.1.1.1"},)))

    assert [m.asset for m in made] == ["lookup_prod", "other_prod"]


@pytest.mark.parametrize("app", ["other", "Other", " OTHER "])
def test_an_app_is_the_only_one_whose_assets_act(app: str) -> None:
    """
    Whether the act names assets of others as well, or none; by its slug or its name.
    """
    sets = ({"ip": "1.1.1.1"},)
    every = members(act(app=app, parameters=sets))
    named = members(act(app=app, parameters=sets, assets=("lookup_prod", "other_prod")))

    assert [[m.asset for m in made] for made in (every, named)] == [["other_prod"]] * 2


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (act("fly"), "no app offers the action 'fly'"),
        (act(app="Edr"), "no app 'Edr' offers the action 'ip reputation'; those that do: Lookup"),
        (act(app="other", assets=("lookup_prod",)), "none of the assets 'lookup_prod' is of the"),
        (act(app="other", assets=("nowhere",)), "there is no asset 'nowhere'"),
        (act(assets=("nowhere",)), "there is no asset 'nowhere': add it with `soar asset add`"),
        (act(assets=("lookup_off",)), "asset 'lookup_off' is disabled"),
        (act(assets=("edr_prod",)), "asset 'edr_prod' is of Edr, which does not offer"),
        (act(assets=("stray",)), "no app is called 'gone'"),
        (act(assets=("lookup_prod",)), "ip reputation: parameter 'ip' is missing"),
        (act(parameters=({"ip": ""},)), "ip reputation: parameter 'ip' is missing"),
    ],
)
def test_a_call_that_cannot_be_made_says_why(command: Act, sentence: str) -> None:
    """
    It becomes a failed call, which the callback hears of; nothing is raised.
    """
    assert sentence in failures(command)[0]


def test_an_action_that_no_asset_offers_says_so() -> None:
    """
    The app is there, but nobody has configured it.
    """
    assert failures(act(), assets={}) == ["no asset offers the action 'ip reputation'"]
    assert failures(act(app="other"), assets={}) == [
        "no asset of the app 'other' offers the action 'ip reputation'"
    ]


def test_one_bad_asset_does_not_stop_the_others() -> None:
    """
    Each call fails or is made by itself.
    """
    made = failures(act(assets=("nowhere", "lookup_prod"), parameters=({"ip": "1.1.1.1"},)))

    assert [bool(reason) for reason in made] == [True, False]


def test_no_parameter_sets_are_a_problem_and_no_call() -> None:
    """
    The act says what was missing.
    """
    (join,) = planned(act(parameters=())).joins

    assert join.acts == (
        PlannedAct(
            action="ip reputation",
            name="ip reputation",
            members=(),
            problem="ip reputation: no parameters were given",
        ),
    )


@pytest.mark.parametrize(
    "sources",
    [
        ({"sourceAddress": "1.1.1.1"},),
        ({"ip": "1.1.1.1"},),
        ({"type": "ip", "value": "1.1.1.1"},),
        ({"colour": "red"}, {"destinationAddress": "1.1.1.1"}),
    ],
    ids=["an artifact", "by name", "a typed value", "the second source"],
)
def test_a_target_supplies_the_parameters(sources: tuple[Mapping[str, Any], ...]) -> None:
    """
    The best source that has a fitting value is asked, in order.
    """
    (member,) = members(act(assets=("lookup_prod",), sources=sources))

    assert member.parameters == {"ip": "1.1.1.1"}


def test_a_parameter_of_no_kind_is_not_taken_from_a_target() -> None:
    """
    Only what a manifest says it contains is looked for.
    """
    (member,) = members(act(assets=("lookup_prod",), sources=({"ip": "1.1.1.1", "days": 9},)))

    assert member.parameters == {"ip": "1.1.1.1"}


def test_a_value_that_all_artifacts_agree_on_is_used() -> None:
    """
    One host in the whole container is no guess.
    """
    cef = {"sourceHostName": "ws-1"}

    (member,) = members(
        act("quarantine device"), artifacts=[{"cef": cef}, {"cef": {}}, {"cef": dict(cef)}]
    )

    assert member.parameters == {"hostname": "ws-1"}


def test_of_two_hosts_none_is_guessed() -> None:
    """
    Two different ones are no answer: the call fails instead of hitting one of them.
    """
    artifacts = [{"cef": {"sourceHostName": "ws-1"}}, {"cef": {"sourceHostName": "ws-2"}}]

    assert failures(act("quarantine device"), artifacts=artifacts) == [
        "quarantine device: parameter 'hostname' is missing"
    ]


def test_a_start_time_parks_the_call_until_then() -> None:
    """
    The moment is kept with its zone.
    """
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)

    (member,) = members(
        act(assets=("lookup_prod",), parameters=({"ip": "1.1.1.1"},), start_time=noon)
    )

    assert (member.parked_for, member.due_at) == ("schedule", "2030-01-01T12:00:00+00:00")


def test_context_is_kept_apart_from_what_the_vendor_gets() -> None:
    """
    A parameter set's own context joins the target's.
    """
    (member,) = members(
        act(
            assets=("lookup_prod",),
            context={"artifact_id": 3},
            parameters=({"ip": "1.1.1.1", "context": {"row": 1}},),
        )
    )

    assert member.parameters == {"ip": "1.1.1.1"}
    assert member.context == {"artifact_id": 3, "row": 1}


def test_high_impact_calls_are_held_unless_they_failed_before() -> None:
    """
    The manifest decides, not the playbook.
    """
    made = planned(
        act("quarantine device", parameters=({"hostname": "ws-1"}, {})),
        act(parameters=({"ip": "1.1.1.1"},)),
    )

    (call,) = made.gated
    assert (call.action, call.asset, call.parameters) == (
        "quarantine device", "edr_prod", {"hostname": "ws-1"},
    )  # fmt: skip


def test_acts_together_are_one_join() -> None:
    """
    One callback waits for the calls of all.
    """
    together = ActTogether(
        name="both",
        callback="done",
        acts=(act(parameters=({"ip": "1.1.1.1"},)), act("quarantine device")),
    )

    (join,) = planned(together).joins

    assert join.together
    assert [a.action for a in join.acts] == ["ip reputation", "quarantine device"]


def test_every_other_command_has_its_place_in_the_plan() -> None:
    """
    Nothing that a block asks for is dropped.
    """
    prompt = Prompt(to=("a",), message="m", name="n", minutes=1)
    child = CallPlaybook(playbook="p", name="p")
    update = UpdateContainer(container_id=1, changes={"status": "closed"})
    comment = AddNote(container_id=1, content="x")
    line = Log(level="debug", message="x")

    made = planned(
        prompt, child, update, comment, line, SaveRunData(key="k", value="1"),
        SaveRunData(key="k", value="2"), SaveOutputs(values={"a": 1}), SaveOutputs(values={"b": 2}),
    )  # fmt: skip

    assert (made.prompts, made.children, made.updates) == ([prompt], [child], [update])
    assert (made.notes, made.logs) == ([comment], [line])
    assert (made.run_data, made.outputs) == ({"k": "2"}, {"a": 1, "b": 2})
