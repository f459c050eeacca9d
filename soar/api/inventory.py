"""
Assets, triggers and playbooks: what an administrator sets up.

In: assets and triggers in the seed's form. Out: the same forms, secrets as stars.
Never: a secret in an answer, sealed or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from soar import inventory, triggers
from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.errors import Unavailable
from soar.api.nouns import ASSETS, TRIGGERS
from soar.api.permissions import of
from soar.api.playbook_nouns import PLAYBOOK_VERSIONS, PLAYBOOKS
from soar.domain import shapes
from soar.domain.errors import BadInput, NotFound
from soar.store.rows import Row
from soar.vault import Vault, VaultClosed, is_sealed, shown

if TYPE_CHECKING:
    from soar.bootstrap import House

STARS = "***"
REPOSITORY = "local"
"""Where a playbook came from that came from nowhere else."""


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    own, runs = of("assets"), of("playbooks")
    return [
        route(house, "/rest/asset", needs=own, get=assets, post=save_asset),
        route(house, "/rest/asset/{id}", needs=own, get=asset, post=change_asset),
        route(house, "/rest/trigger", needs=runs, get=all_triggers, post=save_trigger),
        route(house, "/rest/playbook", needs=runs, get=playbooks),
        route(house, "/rest/playbook/{id}", needs=runs, get=playbook),
    ]


def asset_shape(row: Row) -> Shape:
    """Return an asset with stars for its secrets."""
    return {
        "id": row["id"],
        "name": row["slug"],
        "app": row["app"],
        "product_vendor": row["product_vendor"],
        "product_name": row["product_name"],
        "configuration": shown(row["configuration"]),
        "disabled": row["disabled"],
        "tenants": row["tenants"],
        "broken": row["broken"],
        "create_time": shapes.stamp(row["created_at"]),
        "update_time": shapes.stamp(row["updated_at"]),
    }


def trigger_shape(row: Row) -> Shape:
    """Return a trigger in the form in which it is written."""
    conditions = {"label": list(row["labels"]), "severity": list(row["severities"])}
    return {
        "id": row["id"],
        "name": row["name"],
        "playbook_name": row["playbook"],
        "trigger": {"type": "event_created", "conditions": conditions},
        "active": row["active"],
        "run_as": row["run_as"],
        "create_time": shapes.stamp(row["created_at"]),
    }


def playbook_shape(row: Row) -> Shape:
    """Return a playbook with what its author said of it; its text only if it was read."""
    told = row["details"]
    repository = told.get("repo") or REPOSITORY
    shape = {
        "id": row["id"],
        "name": row["name"],
        "title": row["title"],
        "version": row["version"],
        "active": row["active"],
        "disabled": False,
        "draft_mode": bool(told.get("draft")),
        "scm": repository,
        "_pretty_scm": repository,
        "playbook_type": "data" if told.get("kind") == "input" else "automation",
        "category": told.get("category") or "",
        "labels": list(told.get("labels") or ()),
        "tags": list(told.get("tags") or ()),
        "input_spec": list(told.get("inputs") or ()),
        "output_spec": list(told.get("outputs") or ()),
        "comment": told.get("description") or "",
        "sha256": row["sha256"],
        "manual_minutes": row["manual_minutes"],
        "create_time": shapes.stamp(row["created_at"]),
    }
    return {**shape, "python": row["source"]} if "source" in row else shape


def assets(call: Call) -> Shape:
    """Return a page of assets."""
    return call.envelope(ASSETS, asset_shape)


def asset(call: Call) -> Shape:
    """Return one asset."""
    return asset_shape(call.one(ASSETS))


def all_triggers(call: Call) -> Shape:
    """Return a page of triggers."""
    return call.envelope(TRIGGERS, trigger_shape)


def playbooks(call: Call) -> Shape:
    """Return a page of playbooks: of each its newest version."""
    return call.envelope(PLAYBOOKS, playbook_shape)


def playbook(call: Call) -> Shape:
    """Return one version of a playbook with its text."""
    return playbook_shape(call.one(PLAYBOOK_VERSIONS))


def save_asset(call: Call) -> Shape:
    """Add an asset, or replace the one of that name."""
    raw = bodies.an_object(call.body)
    name = raw.get("asset_name") or raw.get("name")
    return _save(call, raw, _configuration_of(call, str(name)))


def change_asset(call: Call) -> Shape:
    """Change an asset; settings that are not named stay as they are."""
    row, raw = call.one(ASSETS), bodies.an_object(call.body)
    current = row["configuration"]
    given = raw.get("configuration") or {}
    if not isinstance(given, dict):
        raise BadInput("configuration", "must be an object")
    kept = {n: STARS if is_sealed(v) else v for n, v in current.items()}
    own = {
        "app": row["app"],
        "product_vendor": row["product_vendor"],
        "product_name": row["product_name"],
        "disabled": row["disabled"],
    }
    new = {**own, **raw, "asset_name": row["slug"], "configuration": {**kept, **given}}
    return _save(call, new, current)


def _configuration_of(call: Call, name: str) -> Mapping[str, Any]:
    try:
        return call.work.assets.get(name).configuration
    except NotFound:
        return {}


def _save(call: Call, raw: Shape, current: Mapping[str, Any]) -> Shape:
    given = raw.get("configuration")
    if isinstance(given, dict):
        raw = {**raw, "configuration": _with_secrets(given, current)}
    name = inventory.save(call.work, raw, catalog=call.house.catalog, vault=_vault(call.house))
    call.work.audit(call.person.username, "asset saved", {"asset": name})
    return {"success": True, "id": call.work.assets.get(name).id, "name": name}


def _with_secrets(given: Mapping[str, Any], current: Mapping[str, Any]) -> Shape:
    """Put back the sealed secrets that a client was shown as stars."""
    made: Shape = {}
    for name, value in given.items():
        if isinstance(value, dict):
            raise BadInput(f"configuration.{name}", "must be a single value")
        if value == STARS and not is_sealed(current.get(name)):
            raise BadInput(f"configuration.{name}", "is stars: give the value itself")
        made[name] = current[name] if value == STARS else value
    return made


def _vault(house: House) -> Vault:
    try:
        return house.vault()
    except VaultClosed:
        raise Unavailable("this server has no vault key: ask its operator") from None


def save_trigger(call: Call) -> Shape:
    """Add a trigger, or replace the one of that name."""
    trigger = triggers.parse(call.body)
    triggers.save(call.work, trigger)
    call.work.audit(call.person.username, "trigger saved", {"trigger": trigger.name})
    return {"success": True, "name": trigger.name}
