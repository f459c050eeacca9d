"""
The rules of the breaker as people write them: checked, kept, removed, each change on record.

In: a rule as an object, and who wants it. Out: the rule in the store, and in the audit trail.
Never: a rule that protects nothing because of a slip: its action and its asset must exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.catalog import Catalog
from soar.domain import blast
from soar.domain.blast import ANY, FIELDS, Limit, Protected, spoken
from soar.domain.errors import BadInput, NotFound
from soar.store.rows import Row, storable
from soar.store.work import Work


def add(work: Work, raw: Any, *, catalog: Catalog, by: str) -> Row:
    """Keep a rule and return it as it stands."""
    rule = blast.parse(raw)
    _known(raw)
    _check_action(rule.action, catalog)
    if rule.asset != ANY and rule.asset not in work.assets.slugs():
        raise BadInput("asset", f"{rule.asset!r} is no asset: see `soar asset list`, or leave it")
    kept = storable(_fields(rule))
    number = work.blast.add(kept, by=by)
    work.audit(by, "blast rule added", {"rule": number, **kept})
    return get(work, number)


def get(work: Work, rule_id: int) -> Row:
    """Return one rule."""
    row = work.blast.get(rule_id)
    if row is None:
        raise NotFound(f"there is no blast rule {rule_id}: see `soar blast list`")
    return row


def remove(work: Work, rule_id: int, *, by: str) -> Row:
    """Remove a rule and return what it was."""
    row = get(work, rule_id)
    work.blast.remove(rule_id)
    work.audit(by, "blast rule removed", {"rule": rule_id, **shape(row)})
    return row


def shape(row: Mapping[str, Any]) -> dict[str, str]:
    """Return a rule in the form in which it is written."""
    return {name: row[name] for name in FIELDS}


def built_in() -> list[dict[str, str]]:
    """Return the rules that hold with no configuration, in the same form."""
    usual = blast.usual("*")
    wide = Protected(action=blast.BLOCK_IP, pattern="wider than /16 (IPv6: /32)", note="too wide")
    limit = {**_fields(usual), "note": "each high-impact action, where no rule per asset says more"}
    return [*map(_fields, (*blast.BUILT_IN, wide)), limit]


def _fields(rule: Protected | Limit) -> dict[str, str]:
    own = {"action": rule.action, "asset": rule.asset, "note": rule.note}
    if isinstance(rule, Protected):
        return {**own, "kind": "protected", "pattern": rule.pattern, "limit": "", "per": ""}
    limit = f"{rule.calls}/{spoken(rule.span)}"
    return {**own, "kind": "limit", "pattern": "", "limit": limit, "per": rule.per}


def _known(raw: Mapping[str, Any]) -> None:
    for name in raw:
        if name not in FIELDS:
            raise BadInput(str(name)[:80], f"is no field of a rule; it has: {', '.join(FIELDS)}")


def _check_action(action: str, catalog: Catalog) -> None:
    governed = sorted({spec.name for spec in catalog.actions if spec.is_containment})
    if action != ANY and action not in governed:
        raise BadInput(
            "action", f"{action!r} is no containment; it may be: *, {', '.join(governed)}"
        )
