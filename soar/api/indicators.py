"""
Indicators: every value that artifacts hold, where it was seen, and the tags people gave it.

In: values, ids, a span of time. Out: Splunk's shapes, made of the artifacts as they are.
Never: what another tenant has seen: a value is one indicator for each tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.nouns import columns_of
from soar.api.permissions import PARTS
from soar.domain import shapes
from soar.domain.errors import BadInput, NotFound
from soar.store.listing import Condition, Listing, Wanted, lists
from soar.store.marks import SEEN
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

MOST_TAGS = 100
LONGEST_TAG = 200

INDICATORS = Listing(
    noun="indicator",
    source=f"{SEEN} x left join indicator_mark g on g.indicator_id = x.id",
    ours="x.tenant_id = any(:tenants)",
    columns="x.*, coalesce(g.tags, '{}') as tags",
    fields={
        **columns_of("int", id="x.id", tenant="x.tenant_id"),
        **columns_of("int", total_events="x.total_events", open_events="x.open_events"),
        **columns_of("text", value="x.value", value_hash="x.value_hash"),
        **columns_of("texts", tags="coalesce(g.tags, '{}')"),
        **columns_of("texts", type="x.contains", _special_contains="x.contains"),
        **columns_of("time", earliest_time="x.earliest_time", latest_time="x.latest_time"),
    },
)

_DAY = timedelta(days=1)
SPANS: Mapping[str, Callable[[datetime], tuple[datetime, datetime]]] = {
    "today": lambda day: (day, day + _DAY),
    "yesterday": lambda day: (day - _DAY, day),
    "this_week": lambda day: (day - day.weekday() * _DAY, day + _DAY),
    "this_month": lambda day: (day.replace(day=1), day + _DAY),
    "this_year": lambda day: (day.replace(month=1, day=1), day + _DAY),
    "last_7_days": lambda day: (day - 7 * _DAY, day + _DAY),
    "last_30_days": lambda day: (day - 30 * _DAY, day + _DAY),
}
"""Spans of days, by the day that it is in UTC."""


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        route(house, "/rest/indicator", needs=PARTS, get=page),
        route(house, "/rest/indicator/{id}", needs=PARTS, get=one, post=tag),
        route(house, "/rest/indicator_by_value", needs=PARTS, get=by_value),
        route(house, "/rest/indicator_common_container", needs=PARTS, get=common),
    ]


def shape(row: Row) -> Shape:
    """Return an indicator."""
    return {
        "id": row["id"],
        "value": row["value"],
        "value_hash": row["value_hash"],
        "tenant": row["tenant_id"],
        "tags": row["tags"],
        "total_events": row["total_events"],
        "open_events": row["open_events"],
        "severity_counts": row["severity_counts"],
        "earliest_time": shapes.stamp(row["earliest_time"]),
        "latest_time": shapes.stamp(row["latest_time"]),
        "_special_contains": row["contains"],
    }


def page(call: Call) -> Shape:
    """Return a page of indicators; ``timerange`` narrows by when a value was last seen."""
    return call.envelope(INDICATORS, shape, only=_span(call))


def _span(call: Call) -> list[Condition]:
    name = dict(call.parameters).get("timerange", "all").strip().strip("\"'").lower()
    if name in ("", "all"):
        return []
    if name not in SPANS:
        raise BadInput("timerange", f"{name[:40]!r} is none of all, {', '.join(SPANS)}")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, end = SPANS[name](today)
    return [
        Condition(field="latest_time", operator="gte", value=first),
        Condition(field="latest_time", operator="lt", value=end),
    ]


def one(call: Call) -> Shape:
    """Return one indicator."""
    return shape(call.one(INDICATORS))


def by_value(call: Call) -> Shape:
    """Return the indicator of a value."""
    value = _asked_value(call)
    found = _found(call, [Condition(field="value", value=value), *_span(call)])
    if not found:
        raise NotFound(f"there is no indicator {value[:80]!r}")
    return shape(found[0])


def _asked_value(call: Call) -> str:
    value = dict(call.parameters).get("indicator_value", "")
    if not value:
        raise BadInput("indicator_value", "is missing")
    return value


def _found(call: Call, conditions: list[Condition]) -> list[Row]:
    wanted = Wanted(conditions=conditions, size=0)
    return lists(call.work).page(INDICATORS, wanted, tenants=call.person.tenants).rows


def tag(call: Call) -> Shape:
    """Give an indicator exactly these tags."""
    row = call.one(INDICATORS)
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("tags",))
    tags = raw.get("tags")
    if not isinstance(tags, list) or not all(isinstance(t, str) and t.strip() for t in tags):
        raise BadInput("tags", "must be a list of texts")
    if len(tags) > MOST_TAGS or max(map(len, tags), default=0) > LONGEST_TAG:
        raise BadInput("tags", f"may be {MOST_TAGS} of {LONGEST_TAG} characters")
    kept = list(dict.fromkeys(t.strip() for t in tags))
    call.work.marks.tag(row["id"], kept, by=call.person.username)
    told = {"indicator": row["id"], "tags": kept}
    call.work.audit(call.person.username, "indicator tagged", told)
    return {"success": True, "id": row["id"]}


def common(call: Call) -> list[Shape]:
    """Return the containers in which any of these indicators was seen, the newest first."""
    given = dict(call.parameters)
    if "indicator_ids" in given:
        conditions = [Condition(field="id", operator="in", value=_ids(given["indicator_ids"]))]
    else:
        conditions = [Condition(field="value", value=_asked_value(call))]
    indicators: dict[int, list[int]] = {}
    for row in _found(call, conditions):
        for container in row["containers"]:
            indicators.setdefault(container, []).append(row["id"])
    return [
        _container(call.container(number), indicators[number])
        for number in sorted(indicators, reverse=True)
    ]


def _ids(text: str) -> list[int]:
    parts = [part.strip() for part in text.strip("[]() ").split(",") if part.strip()]
    if not parts or not all(p.isascii() and p.isdigit() and len(p) < 19 for p in parts):
        raise BadInput("indicator_ids", "must be numbers with commas between")
    return [int(part) for part in parts]


def _container(row: Mapping[str, Any], indicators: list[int]) -> Shape:
    return {
        "container_id": row["id"],
        "container_name": row["name"],
        "container_label": row["label"],
        "container_status": row["status"],
        "container_severity": row["severity"],
        "container_type": row["kind"],
        "container_create_time": shapes.stamp(row["create_time"]),
        "container_update_time": shapes.stamp(row["update_time"]),
        "in_case": False,
        "indicator_ids": indicators,
    }
