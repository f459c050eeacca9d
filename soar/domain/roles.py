"""
Roles: names that people have, and what each of them permits in Splunk's areas.

In: names of roles, permissions as people and clients write them. Out: permissions like "edit
assets", and refusals in one sentence.
Never: a decision about approvals: they are addressed to a name, whatever that name permits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soar.domain.errors import BadInput
from soar.domain.model import Person

AREAS = (
    "apps",
    "assets",
    "automation_broker",
    "case_management",
    "containers",
    "custom_lists",
    "onprem_automation",
    "playbooks",
    "system_settings",
    "users_roles",
    "workbooks",
)
VERBS = ("view", "edit", "delete", "execute")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")
LONGEST_DESCRIPTION = 1000
UNUSED = ("id", "role", "content_type", "object_id")
"""What Splunk writes into a permission besides; it may be sent back, and means nothing here."""


def permission(verb: str, area: str) -> str:
    """Return a permission as it is written."""
    return f"{verb} {area}"


EVERYTHING = frozenset(permission(verb, area) for area in AREAS for verb in VERBS)
LOOK = frozenset(permission("view", area) for area in AREAS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """A role that is built in: nobody edits or disables it."""

    id: int
    name: str
    description: str
    permissions: frozenset[str]


def _built_in() -> Sequence[Role]:
    handles = {"edit containers", "edit custom_lists", "execute playbooks"}
    brokers = ("automation_broker", "onprem_automation")
    broker = {permission(verb, area) for area in brokers for verb in ("edit", "execute")}
    cases = {"edit case_management", "delete case_management"}
    assets = {"edit assets", "delete assets"}
    writes = {"edit playbooks", "execute playbooks"}
    table = (
        (1, "Administrator", "May do everything.", EVERYTHING),
        (2, "Asset Owner", "Looks after assets, and sees everything.", LOOK | assets),
        (
            3,
            "Automation",
            "For machines: opens containers, runs playbooks, sees everything.",
            LOOK | handles | {"edit case_management"},
        ),
        (4, "Automation Engineer", "Writes and runs playbooks, sees everything.", LOOK | writes),
        (
            5,
            "Incident Commander",
            "Leads cases, writes and runs playbooks, sees everything.",
            LOOK | handles | writes | cases | {"delete playbooks"},
        ),
        (6, "Observer", "Sees everything, and changes nothing.", LOOK),
        (7, "Automation Broker", "For an automation broker.", LOOK | broker),
        (11, "admin", "May do everything, as Administrator.", EVERYTHING),
        (12, "analyst", "Handles containers, runs playbooks, sees everything.", LOOK | handles),
        (13, "automation", "For machines: as analyst.", LOOK | handles),
    )
    return [
        Role(id=number, name=name, description=text, permissions=frozenset(permitted))
        for number, name, text, permitted in table
    ]


BUILT_IN: Mapping[str, Role] = {role.name: role for role in _built_in()}
"""The seven roles of Splunk, and those that this product has had from the beginning."""
FIRST_OWN = 101
"""The number of the first role that people make."""
ADMINISTRATORS = frozenset({"admin", "Administrator"})


def permitted(names: Iterable[str], own: Iterable[str] = ()) -> frozenset[str]:
    """Return what roles permit: those that are built in, and *own*, what other rows have."""
    found = set(own) & EVERYTHING
    for name in names:
        role = BUILT_IN.get(name)
        found |= role.permissions if role else frozenset()
    return frozenset(found)


OF_CONTAINERS = frozenset({"containers", "case_management"})


def concerns_all(area: str, verb: str) -> bool:
    """Tell whether a permission reaches what all tenants share: all but looking and containers."""
    return verb != "view" and area not in OF_CONTAINERS and (area, verb) != ("playbooks", "execute")


BOUNDS = frozenset({"apps", "assets", "system_settings", "users_roles"})


def bounds_playbooks(area: str, verb: str) -> bool:
    """Tell whether a permission reaches what playbooks are bound by: policies, assets, people."""
    return verb != "view" and area in BOUNDS


def may(who: Person, area: str, verb: str) -> bool:
    """Tell whether somebody has a permission."""
    return permission(verb, area) in who.permissions


def is_administrator(names: Iterable[str]) -> bool:
    """Tell whether one of these roles is that of an administrator."""
    return not ADMINISTRATORS.isdisjoint(names)


def same_name(name: str) -> str | None:
    """Return the built-in role that a name could be taken for."""
    return next((known for known in BUILT_IN if known.lower() == name.lower()), None)


def refusal(who: Person, area: str, verb: str, giving: Sequence[str]) -> str:
    """Say which permission somebody lacks, and which roles give it."""
    wanted = permission(verb, area)
    return (
        f"{who.username} may not {wanted}: it needs the permission {wanted!r},"
        f" which these roles give: {', '.join(giving)}"
    )


def checked_name(text: object) -> str:
    """Return the name of a role, or say why it cannot be one."""
    if not isinstance(text, str) or not NAME.fullmatch(text):
        raise BadInput("name", f"{str(text)[:60]!r} must be letters, digits, spaces and . _ - only")
    return text


def read(texts: Iterable[str]) -> frozenset[str]:
    """Read permissions as people write them: "edit assets", "view *", "* playbooks"."""
    found = set[str]()
    for text in texts:
        verb, _, area = text.strip().partition(" ")
        matching = {
            permission(v, a)
            for v in VERBS
            for a in AREAS
            if verb in (v, "*") and area.strip() in (a, "*")
        }
        if not matching:
            raise BadInput("permission", f"{text[:60]!r} is none: {_KNOWN}")
        found |= matching
    return frozenset(found)


_KNOWN = f"write a verb ({', '.join(VERBS)}) and an area ({', '.join(AREAS)}); * is all of them"


def of_splunk(raw: object) -> frozenset[str]:
    """Read permissions in Splunk's form: one object to an area, with allow or deny to a verb."""
    if not isinstance(raw, list):
        raise BadInput("permissions", 'must be a list, like [{"name": "assets", "view": "allow"}]')
    found, seen = set[str](), set[str]()
    for item in raw:
        area = item.get("name") if isinstance(item, dict) else None
        if area not in AREAS:
            known = ", ".join(AREAS)
            raise BadInput("permissions.name", f"{str(area)[:60]!r} is none of {known}")
        if area in seen:
            raise BadInput("permissions.name", f"{area!r} stands there twice")
        seen.add(area)
        found |= {permission(verb, area) for verb in _allowed(item)}
    return frozenset(found)


def _allowed(item: Mapping[str, Any]) -> list[str]:
    """Return the verbs that one object of Splunk's form allows."""
    for field, value in item.items():
        if field in ("name", *UNUSED) or (field == "extra" and value in (None, "")):
            continue
        if field == "extra":
            raise BadInput("permissions.extra", "names an object: permissions are of whole areas")
        if field not in VERBS:
            raise BadInput(f"permissions.{field[:60]}", f"is no verb; known: {', '.join(VERBS)}")
        if value not in ("allow", "deny"):
            raise BadInput(f"permissions.{field}", f"{str(value)[:60]!r} is neither allow nor deny")
    return [verb for verb in VERBS if item.get(verb) == "allow"]


def in_splunks_form(number: int, permissions: Iterable[str]) -> list[dict[str, Any]]:
    """Return the permissions of a role as Splunk shows them: every area, every verb."""
    has = frozenset(permissions)
    return [
        {
            "name": area,
            "role": number,
            **{v: "allow" if permission(v, area) in has else "deny" for v in VERBS},
            "extra": None,
        }
        for area in AREAS
    ]
