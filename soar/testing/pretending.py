"""
What is offered to a playbook that is only looked at: all that this system has, and all else.

In: the assets that are known. Out: a catalog and assets in which nothing is missing.
Never: a vendor: whoever has no room here is played by one that is called *simulated*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from soar.catalog import ActionSpec, AppSpec, Catalog
from soar.domain.budget import budget_of
from soar.domain.model import Asset
from soar.testing.recording import spec_of

APP = "simulated"


@dataclass(frozen=True, kw_only=True, slots=True)
class AnyAction(AppSpec):
    """The app that plays whoever is not here: it knows every action."""

    def action(self, name: str) -> ActionSpec | None:
        """Return an action as a real app offers it, or as it is written."""
        wanted = " ".join(name.lower().split())
        known = next((spec for spec in self.actions if spec.name == wanted), None)
        return known or spec_of(wanted, APP)

    def is_called(self, name: str) -> bool:
        """Tell that it goes by any name."""
        return True


class AllOffered(Catalog):
    """A catalog in which somebody offers everything."""

    def offering(self, action: str) -> tuple[AppSpec, ...]:
        """Return the real apps that offer it; where there are none, the one that plays them."""
        real = tuple(a for a in self.apps if a.slug != APP and a.action(action))
        return real or self.apps[-1:]


class AllThere(Mapping[str, Asset]):
    """Assets of every name: the known ones, and for each other name one of the simulated app."""

    def __init__(self, known: Mapping[str, Asset]) -> None:
        self.known = dict(known)

    def __getitem__(self, slug: str) -> Asset:
        return self.known.get(slug) or _asset(slug)

    def get(self, slug: str, default: Any = None) -> Any:
        """Return an asset of that name."""
        return self[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self.known or (APP,))

    def __len__(self) -> int:
        return len(self.known) or 1


def _asset(slug: str) -> Asset:
    return Asset(id=0, slug=slug, app=APP, configuration={}, budget=budget_of({}))


def all_offered(catalog: Catalog) -> AllOffered:
    """Return a catalog in which nothing is missing."""
    actions = tuple(replace(spec, app=APP) for spec in catalog.actions)
    app = AnyAction(
        slug=APP, name=APP, vendor=APP, product=APP, version="1.0", settings=(), actions=actions
    )
    return AllOffered(apps=(*catalog.apps, app))
