"""
What a choice would hit: protected targets, and how much of each limit it would use.

In: the high-impact calls of one choice, and the playbook that wants them. Out: a :class:`Radius`.
Never: a decision: the breaker looks again, immediately before each call is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soar.catalog import ActionSpec, Catalog
from soar.domain import blast
from soar.domain.blast import Asked, Limit, Rule, spoken
from soar.domain.errors import NotFound
from soar.store.work import Work

HeldCall = Mapping[str, Any]
"""A held call as a payload shows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """One limit: what it counts, how much was used in its span, and how much is wanted now."""

    rule: str
    note: str
    sent: int
    wanted: int
    most: int
    span: str

    @property
    def full(self) -> bool:
        """Whether there is no room for all that is wanted."""
        return self.sent + self.wanted > self.most


@dataclass(frozen=True, kw_only=True, slots=True)
class Radius:
    """What one choice would hit."""

    targets: tuple[str, ...]
    protected: tuple[str, ...]
    """Why targets are protected, each in a sentence."""
    uses: tuple[Use, ...]

    @property
    def beyond(self) -> bool:
        """Whether a second approval will be asked for."""
        return bool(self.protected) or any(use.full for use in self.uses)


def of_calls(
    work: Work, calls: Sequence[HeldCall], *, catalog: Catalog, playbook: str, tenant: int
) -> Radius:
    """Return what these calls, for a container of a tenant, would hit."""
    asked = [(call, _asked(call, catalog)) for call in calls]
    rules = blast.read(work.blast.rules()) if calls else []
    governed = [a for call, a in asked if _governed(call, catalog)]
    trips = (trip.why for a in governed for trip in blast.tripped(rules, a))
    return Radius(
        targets=tuple(dict.fromkeys(a.named[0] for _, a in asked if a.named)),
        protected=tuple(dict.fromkeys(trips)),
        uses=tuple(_uses(work, governed, rules, playbook, tenant)),
    )


def targets(call: HeldCall, catalog: Catalog) -> tuple[str, ...]:
    """Return the texts that name what a call acts on."""
    return _asked(call, catalog).named


def _asked(call: HeldCall, catalog: Catalog) -> Asked:
    spec = _spec(call, catalog)
    return Asked(
        action=str(call["action"]),
        asset=str(call["asset"]),
        named=blast.named(call["parameters"], spec.target if spec else ()),
        high_impact=spec is None or spec.high_impact,
    )


def _governed(call: HeldCall, catalog: Catalog) -> bool:
    """Tell whether the breaker looks at a call; one that nobody knows is taken for it."""
    spec = _spec(call, catalog)
    return spec is None or spec.is_containment


def _spec(call: HeldCall, catalog: Catalog) -> ActionSpec | None:
    try:
        return catalog.app(str(call["app"])).action(str(call["action"]))
    except NotFound:
        return None


def _uses(
    work: Work, asked: Iterable[Asked], rules: Sequence[Rule], playbook: str, tenant: int
) -> Iterable[Use]:
    """Count each limit once, with all the calls of the choice that it concerns."""
    found: dict[str, tuple[Limit, str, int]] = {}
    for one in asked:
        for limit in blast.limits(rules, one):
            where = one.asset if limit.of_asset else ""
            of = f"{limit.name} {where}"
            found[of] = (limit, where, found[of][2] + 1 if of in found else 1)
    for limit, asset, wanted in found.values():
        sent = work.desk.sent(limit, asset=asset, playbook=playbook, tenant=tenant)
        on = f" on {asset}" if asset and limit.asset == blast.ANY else ""
        yield Use(
            rule=f"{limit.name}{on}",
            note=limit.note,
            sent=sent,
            wanted=wanted,
            most=limit.calls,
            span=spoken(limit.span),
        )
