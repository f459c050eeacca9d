"""
The breaker: what is protected, and how many containments are usual, whoever has approved them.

In: rules, and one containment. Out: the rules that it trips, each with a sentence.
Never: I/O, a count of its own, or an exception about what a call names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from soar.domain.budget import RULE, SHORT, UNITS
from soar.domain.errors import BadInput
from soar.domain.reach import hits, is_wide

ANY = "*"
KINDS = ("protected", "limit")
FIELDS = ("kind", "action", "asset", "pattern", "limit", "per", "note")
PER = ("asset", "playbook", "tenant", "all")
MOST_CALLS = 100_000
LONGEST = timedelta(days=31)
LONGEST_TEXT = 500
DAY = timedelta(days=1)
SPANS = {**UNITS, "day": DAY}
GRAMMAR = 'write it like "10/hour", "3/15 minutes" or "50/day"'
BLOCK_IP = "block ip"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One containment as the breaker sees it."""

    action: str
    asset: str
    named: tuple[str, ...]
    """The texts that name what it acts on."""
    high_impact: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Trip:
    """A rule that a containment trips, and why."""

    rule: str
    why: str
    limit: bool = False
    """Whether it is one too many, whatever it touches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Protected:
    """A target that no containment touches without a second approval."""

    action: str = ANY
    asset: str = ANY
    pattern: str
    note: str = ""

    @property
    def name(self) -> str:
        """The rule in one line: what an approval names."""
        return f"protected from {self.action} on {self.asset}: {self.pattern}"

    def trip(self, asked: Asked) -> Trip | None:
        """Tell whether a containment touches it."""
        if not _means(self, asked):
            return None
        touched = next((text for text in asked.named if hits(self.pattern, text)), None)
        if touched is None:
            return None
        why = f"{touched[:LONGEST_TEXT]} is protected ({self.note or self.pattern})"
        return Trip(rule=self.name, why=why)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most *calls* of an action in any window of *span*: per asset, playbook, tenant, or all."""

    action: str = ANY
    asset: str = ANY
    per: str
    calls: int
    span: timedelta
    note: str = ""

    @property
    def name(self) -> str:
        """The rule in one line: what an approval names."""
        on = "" if self.asset == ANY else f" on {self.asset}"
        return f"limit of {self.action}{on} per {self.per}: {self.calls}/{spoken(self.span)}"

    @property
    def of_asset(self) -> bool:
        """Whether only what was done on the call's own asset counts."""
        return self.per == "asset" or self.asset != ANY

    @property
    def of_playbook(self) -> bool:
        """Whether only what the call's own playbook did counts."""
        return self.per == "playbook"

    @property
    def of_tenant(self) -> bool:
        """Whether only what was done for the tenant of the call's container counts."""
        return self.per == "tenant"

    def trip(self, asked: Asked, *, sent: int, playbook: str, tenant: str) -> Trip:
        """Say that so many were let go already."""
        what = asked.action if self.action != ANY else "containment"
        whose = {
            "asset": f" of {asked.asset}",
            "playbook": f" by playbook {playbook}",
            "tenant": f" for tenant {tenant}",
            "all": "",
        }
        on = f" of {asked.asset}" if self.of_asset and self.per != "asset" else ""
        of = f"{whose[self.per]}{on}"
        within = spoken(self.span) if self.span not in SPANS.values() else f"a{_n(self.span)}"
        why = (
            f"it would be the {ordinal(sent + 1)} {what}{of} within {within};"
            f" at most {self.calls} {'is' if self.calls == 1 else 'are'} allowed"
        )
        noted = f" ({self.note})" if self.note else ""
        return Trip(rule=self.name, why=f"{why}{noted}", limit=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A row that says nothing one could follow: until it is repaired it holds everything."""

    number: int

    def trip(self) -> Trip:
        """Say that a rule cannot be read."""
        name = f"rule {self.number}"
        return Trip(rule=name, why=f"blast {name} cannot be read: remove it and add it anew")


Rule = Protected | Limit | Unreadable

NETWORKS: Mapping[str, tuple[str, ...]] = {
    "private network": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "shared network of a provider": ("100.64.0.0/10",),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "unspecified": ("0.0.0.0/8", "::/128"),
    "broadcast": ("255.255.255.255/32",),
}
BUILT_IN: tuple[Protected, ...] = tuple(
    Protected(action=BLOCK_IP, pattern=network, note=f"{why}, {network}")
    for why, networks in NETWORKS.items()
    for network in networks
)
"""What holds with no configuration, together with :data:`WIDE` and :func:`usual`."""
WIDE = "protected from block ip on *: networks wider than /16, in IPv6 than /32"


def usual(action: str) -> Limit:
    """Return the limit of a high-impact action on one asset where no rule says another."""
    return Limit(action=action, per="asset", calls=10, span=UNITS["hour"])


def tripped(rules: Iterable[Rule], asked: Asked) -> list[Trip]:
    """Return the rules that a containment trips by what it touches."""
    wide = next((t for t in asked.named if is_wide(t)), None) if asked.action == BLOCK_IP else None
    every = [*rules] if wide else [*BUILT_IN, *rules]  # a wide network holds many: one says it
    found = [rule.trip(asked) for rule in every if isinstance(rule, Protected)]
    found += [rule.trip() for rule in every if isinstance(rule, Unreadable)]
    if wide:
        found.append(Trip(rule=WIDE, why=f"{wide[:LONGEST_TEXT]} is too wide a network"))
    return [trip for trip in found if trip is not None]


def limits(rules: Iterable[Rule], asked: Asked) -> list[Limit]:
    """Return the limits that a containment counts under; one per asset replaces the usual one."""
    found = [rule for rule in rules if isinstance(rule, Limit) and _means(rule, asked)]
    if asked.high_impact and not any(limit.per == "asset" for limit in found):
        found.append(usual(asked.action))
    return found


def _means(rule: Protected | Limit, asked: Asked) -> bool:
    return rule.action in (ANY, asked.action) and rule.asset in (ANY, asked.asset)


def named(parameters: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """Return the texts by which a call names its target: of *names*, or of all parameters."""
    return tuple(
        text
        for name, value in parameters.items()
        if not names or name in names
        for text in _texts(value)
    )


def _texts(value: Any) -> Iterable[str]:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


def parse(raw: Any) -> Protected | Limit:
    """Return the rule that people, or a row, wrote down; what cannot be used names its field."""
    if not isinstance(raw, Mapping):
        raise BadInput("rule", "must be an object with kind, action, asset, pattern or limit, note")
    kind = _one_of("kind", raw.get("kind"), KINDS)
    where = {"action": _name(raw, "action"), "asset": _name(raw, "asset")}
    note = _text(raw, "note")
    if kind == "protected":
        _refuse(raw, kind, "limit", "per")
        return Protected(**where, pattern=_pattern(raw), note=note)
    _refuse(raw, kind, "pattern")
    calls, span = _rate(raw.get("limit"))
    per = _one_of("per", raw.get("per") or "asset", PER)
    return Limit(**where, per=per, calls=calls, span=span, note=note)


def read(rows: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Return the rules of the store's rows; one that cannot be read is not left out."""
    return [_read(row) for row in rows]


def _read(row: Mapping[str, Any]) -> Rule:
    try:
        return parse(row)
    except BadInput:
        return Unreadable(number=int(row["id"]))


def _refuse(raw: Mapping[str, Any], kind: str, *fields: str) -> None:
    for field in fields:
        if raw.get(field):
            raise BadInput(field, f"a rule of kind {kind!r} has none: leave it out")


def _name(raw: Mapping[str, Any], field: str) -> str:
    text = " ".join((_text(raw, field) or ANY).split())
    return text.lower() if field == "action" else text


def _pattern(raw: Mapping[str, Any]) -> str:
    text = _text(raw, "pattern")
    if not text.strip("*?. "):
        raise BadInput(
            "pattern",
            f"{text!r} must name a target: a name, a pattern such as dc-*, or a network",
        )
    return text


def _text(raw: Mapping[str, Any], field: str) -> str:
    value = raw.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\x00" in value:
        raise BadInput(field, f"{str(value)[:80]!r} must be a text of at most {LONGEST_TEXT}")
    return value.strip()


def _one_of(field: str, value: Any, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise BadInput(field, f"{str(value)[:80]!r} is none of: {', '.join(known)}")
    return value


def _rate(value: Any) -> tuple[int, timedelta]:
    """Return how many in which time: the grammar of an asset's budget."""
    found = RULE.fullmatch(value.lower()) if isinstance(value, str) else None
    unit = SPANS.get(SHORT.get(found[3], found[3])) if found else None
    if found is None or unit is None:
        raise BadInput("limit", f"{str(value)[:80]!r} is no limit: {GRAMMAR}")
    calls, times = int(found[1]), int(found[2] or 1)
    if not 1 <= calls <= MOST_CALLS:
        raise BadInput("limit", f"{value!r}: must be from 1 to {MOST_CALLS} calls")
    if not timedelta(0) < unit * times <= LONGEST:
        raise BadInput("limit", f"{value!r}: its time must be from a second to {LONGEST.days} days")
    return calls, unit * times


def spoken(span: timedelta) -> str:
    """Return a span as people write it after the stroke of a limit."""
    for name, unit in reversed(SPANS.items()):
        times, rest = divmod(span, unit)
        if times and not rest:
            return name if times == 1 else f"{times} {name}s"
    return f"{span.total_seconds():g} s"  # pragma: no cover - every span is whole seconds


def _n(span: timedelta) -> str:
    return f"n {spoken(span)}" if spoken(span) == "hour" else f" {spoken(span)}"


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th …"""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
