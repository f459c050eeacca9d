"""
A cast for playbooks of strangers: every action is offered, on every asset that is named.

In: a folder. Out: a :class:`Cast` that plays any of its playbooks.
Never: a vendor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from soar.bringing import Brought
from soar.catalog import ActionSpec, AppSpec, Catalog
from soar.domain.budget import budget_of
from soar.domain.model import Asset
from soar.testing import Cast
from soar.testing.pretending import APP
from soar.testing.recording import spec_of
from soar.testing.transcript import Transcript
from tests.corpus.offered import MADE_UP, Offered


class AnyApp(AppSpec):
    """An app that offers every action."""

    def action(self, name: str) -> ActionSpec | None:
        """Return an action of that name."""
        return spec_of(name, APP)

    def is_called(self, name: str) -> bool:
        """Tell that it goes by any name."""
        return True


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


def cast_of(brought: Brought, transcript: Transcript) -> Cast:
    """Return everybody whom these playbooks may call."""
    offered = Offered(brought)
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
        playbooks={name: file.source for name, file in brought.playbooks.items()}
        | {MADE_UP: offered.source()},
        functions={name: file.source for name, file in brought.functions.items()},
        answer=transcript.answer,
        choose=transcript.choose,
        catalog=AnyCatalog(apps=(app,)),
        assets=AnyAssets(),
        shelf=lambda name: offered.shelf(
            transcript.sources[name], transcript.container(name)["artifacts"]
        ),
    )
