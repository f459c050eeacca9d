"""
Every vendor room keeps the promises of its manifest.

In: the manifests below ``soar/tasks`` and the functions they name. Out: a failure per broken rule.
Never: a vendor called, or a broker.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from soar import catalog
from soar.bus.app import create
from soar.catalog import ActionSpec, AppSpec
from soar.domain.verdict import Verdict
from soar.settings import Settings
from soar.tasks.binding import bind, function_of

ROOT = Path(__file__).resolve().parents[2]
APPS = catalog.load().apps
ACTIONS = catalog.load().actions
CONTAINING = [spec for spec in ACTIONS if spec.kind == "contain"]
CREDENTIAL = re.compile(r"(^|_)(key|secret|password|passphrase|token)$")
MOST_LINES = 600
SPANS = {*Verdict, "any"}
LONGEST_SPAN = 24 * 3600

every_app = pytest.mark.parametrize("app", APPS, ids=lambda app: app.slug)
every_action = pytest.mark.parametrize("spec", ACTIONS, ids=lambda spec: spec.task_name)
every_containment = pytest.mark.parametrize("spec", CONTAINING, ids=lambda spec: spec.task_name)


@pytest.fixture(scope="module")
def celery_app() -> Celery:
    """A Celery app with every action bound, as in an action worker."""
    app = create(Settings())
    shop: Any = object()  # nothing is called, so nothing of the shop is used
    bind(app, catalog.load(), shop)
    return app


def room(app: str) -> Path:
    """Return the folder of a vendor."""
    return ROOT / "soar/tasks" / app


@every_action
def test_every_action_of_a_manifest_is_a_celery_task_of_its_name(
    spec: ActionSpec, celery_app: Celery
) -> None:
    """
    What a manifest offers can be sent, and its name leads to its file.
    """
    function: Any = function_of(spec)

    assert celery_app.tasks[spec.task_name].name == spec.task_name
    assert spec.task_name == f"soar.tasks.{spec.app}.{function.__name__}"
    assert function.__module__ == f"soar.tasks.{spec.app}.actions"


@every_app
def test_every_marked_function_stands_in_the_manifest(app: AppSpec) -> None:
    """
    A function marked with @action that no manifest names could never be called.
    """
    marked = re.findall(
        r"^@action\([^\n]*\)\ndef (\w+)", (room(app.slug) / "actions.py").read_text(), re.MULTILINE
    )

    assert sorted(marked) == sorted(spec.function for spec in app.actions)


@every_app
def test_every_credential_of_an_asset_is_marked_secret(app: AppSpec) -> None:
    """
    A setting that is named like a credential is sealed at rest.
    """
    open_ones = [s.name for s in app.settings if CREDENTIAL.search(s.name) and not s.secret]

    assert open_ones == []


def test_no_name_is_that_of_two_apps() -> None:
    """
    A playbook that names an app means one.
    """
    for app in APPS:
        names = (app.slug, app.name, app.product, *app.also)
        assert [other.slug for other in APPS if any(map(other.is_called, names))] == [app.slug]


@every_app
def test_every_app_can_be_tested(app: AppSpec) -> None:
    """
    Each app offers "test connectivity", which needs no parameter and changes nothing.
    """
    spec = app.action("test connectivity")

    assert spec is not None
    assert spec.kind == "test"
    assert spec.read_only
    assert not [p.name for p in spec.parameters if p.required]


@every_app
def test_every_room_has_a_readme_that_names_its_actions_and_required_settings(
    app: AppSpec,
) -> None:
    """
    Whoever opens a room finds what it does and what it needs.
    """
    text = (room(app.slug) / "README.md").read_text().lower()
    wanted = [spec.name for spec in app.actions]
    wanted += [setting.name for setting in app.settings if setting.required]

    assert [name for name in wanted if name.lower() not in text] == []


@every_app
def test_every_setting_and_action_says_what_it_is(app: AppSpec) -> None:
    """
    Nothing in a manifest goes without a description.
    """
    silent = [f"setting {s.name}" for s in app.settings if not s.description]
    for spec in app.actions:
        silent += [] if spec.description else [spec.name]
        silent += [f"{spec.name}: {p.name}" for p in spec.parameters if not p.description]

    assert silent == []


@every_containment
def test_every_containment_can_be_undone(spec: ActionSpec) -> None:
    """
    An action that contains names the action of its app that takes it back.
    """
    undo = catalog.load().app(spec.app).action(spec.undo) if spec.undo else None

    assert undo is not None, f"{spec.name} names no undo that exists: {spec.undo!r}"


@every_containment
def test_every_containment_can_be_verified(spec: ActionSpec) -> None:
    """
    After a lost answer the vendor can be asked whether a containment took effect.
    """
    assert callable(getattr(function_of(spec), "__soar_verify__", None))


@every_action
def test_what_reads_only_contains_nothing(spec: ActionSpec) -> None:
    """
    An action that is called read-only is never one that changes something at the vendor.
    """
    assert not (spec.read_only and spec.kind in {"contain", "correct"})
    assert spec.impact in {"low", "high"}


@every_action
def test_only_a_lookups_answer_may_be_used_again(spec: ActionSpec) -> None:
    """
    An answer holds by its verdict, a day at most, and only where nothing was changed.
    """
    assert not spec.freshness or (spec.read_only and spec.kind == "investigate")
    assert set(spec.freshness) <= SPANS
    assert all(0 < seconds <= LONGEST_SPAN for seconds in spec.freshness.values())
    if spec.freshness:
        assert "any" in spec.freshness or set(spec.freshness) == set(Verdict)


@every_action
def test_a_verdict_that_may_change_for_the_worse_holds_no_longer(spec: ActionSpec) -> None:
    """
    What was malicious stays so longest; what nobody knew yet is asked again soonest.
    """
    order = (Verdict.MALICIOUS, Verdict.SUSPICIOUS, Verdict.CLEAN, Verdict.UNKNOWN)
    spans = [spec.fresh_for(verdict) for verdict in order]

    assert spans == sorted(spans, reverse=True)


@every_action
def test_every_call_takes_at_least_one_of_its_budget(spec: ActionSpec) -> None:
    """
    A call is never free; how many requests it makes is measured in tests/unit/tasks.
    """
    assert type(spec.requests) is int
    assert spec.requests >= 1


@every_app
def test_every_readme_names_what_a_manifest_promises_for_repeats_and_budgets(
    app: AppSpec,
) -> None:
    """
    Whoever sets a budget reads what a call takes of it, and which answers are used again.
    """
    text = (room(app.slug) / "README.md").read_text()

    assert ("## What a call takes" in text) == any(s.requests > 1 for s in app.actions)
    assert ("## What is not asked twice" in text) == any(s.freshness for s in app.actions)


@every_app
def test_every_room_is_small(app: AppSpec) -> None:
    """
    The code of a vendor's room has at most 600 lines.
    """
    lines = sum(len(file.read_text().splitlines()) for file in room(app.slug).glob("*.py"))

    assert lines <= MOST_LINES
