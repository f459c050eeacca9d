"""
A cast for playbooks of strangers: every action is offered, on every asset that is named.

In: a folder. Out: a :class:`Cast` that plays any of its playbooks.
Never: a vendor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from soar.api.inventory import playbook_shape
from soar.bringing import Brought
from soar.catalog import ActionSpec, AppSpec, Catalog
from soar.domain import case_shapes
from soar.domain.budget import budget_of
from soar.domain.model import Asset
from soar.testing import Cast
from soar.testing.shelf import Shelf
from tests.corpus.transcript import Transcript

APP = "simulated"
REPOSITORY = "community"
WORKBOOK = re.compile(r"""["']workbook["']:\s*["']([^"']+)["']""")
TASK = re.compile(r"""["']task_name["']:\s*["']([^"']+)["']""")
ASSET = re.compile(r"""(?:assets=\[|["']asset["']:\s*)["']([^"']+)["']""")


def _spec(action: str) -> ActionSpec:
    return ActionSpec(
        app=APP,
        name=action,
        function=action.replace(" ", "_"),
        kind="investigate",
        impact="low",
        read_only=True,
        timeout=1,
        description="",
        undo="",
        parameters=(),
    )


class AnyApp(AppSpec):
    """An app that offers every action."""

    def action(self, name: str) -> ActionSpec | None:
        """Return an action of that name."""
        return _spec(name)


class AnyCatalog(Catalog):
    """A catalog in which one app offers everything."""

    def offering(self, action: str) -> tuple[AppSpec, ...]:
        """Return the one app."""
        return self.apps

    def app(self, slug: str) -> AppSpec:
        """Return the one app."""
        return self.apps[0]


class AnyAssets(Mapping[str, Asset]):
    """Assets of every name; where nobody names one, there is one."""

    def __getitem__(self, slug: str) -> Asset:
        return Asset(id=1, slug=slug, app=APP, configuration={}, budget=budget_of({}))

    def get(self, slug: str, default: Any = None) -> Any:
        """Return an asset of that name."""
        return self[slug]

    def __iter__(self) -> Iterator[str]:
        return iter((APP,))

    def __len__(self) -> int:
        return 1


def _listed(brought: Brought) -> list[dict[str, Any]]:
    """Return the playbooks as REST lists them."""
    empty = {"active": True, "sha256": "", "created_at": None}
    files = sorted(brought.playbooks.values(), key=lambda file: file.name)
    return [
        playbook_shape(
            {**empty, "id": number, "name": file.name, "title": file.title,
             "version": file.version, "manual_minutes": 0,
             "details": {"labels": file.labels, "repo": REPOSITORY, **file.more}}
        )
        for number, file in enumerate(files, start=1)
    ]  # fmt: skip


def _books(source: str) -> list[dict[str, Any]]:
    """Return the workbooks that a playbook names, each with a phase of the tasks it names."""
    tasks = sorted(set(TASK.findall(source)))
    return [
        {**case_shapes.template({"id": number, "name": name, "description": "",
         "is_default": number == 1, "created_by": "ada", "create_time": None}),
         "phases": [{"name": "Phase 1", "tasks": tasks}]}
        for number, name in enumerate(sorted(set(WORKBOOK.findall(source))), start=1)
    ]  # fmt: skip


def _shelf(brought: Brought, name: str) -> Shelf:
    """Return what a playbook finds there: people, the playbooks, and what its text names."""
    every = "\n".join(file.source for file in brought.playbooks.values())
    return Shelf(
        users={1: "ada"},
        playbooks=_listed(brought),
        repositories=("local", REPOSITORY),
        inventory=sorted(set(ASSET.findall(every))),
        templates=_books(every),
    )


def cast_of(brought: Brought, transcript: Transcript) -> Cast:
    """Return everybody whom these playbooks may call."""
    app = AnyApp(
        slug=APP,
        name=APP,
        vendor=APP,
        product=APP,
        version="1.0",
        settings=(),
        actions=(),
    )
    return Cast(
        playbooks={name: file.source for name, file in brought.playbooks.items()},
        functions={name: file.source for name, file in brought.functions.items()},
        answer=transcript.answer,
        choose=transcript.choose,
        catalog=AnyCatalog(apps=(app,)),
        assets=AnyAssets(),
        shelf=lambda name: _shelf(brought, name),
    )
