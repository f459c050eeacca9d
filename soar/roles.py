"""
Roles as people make them: added, edited and disabled, each change on record; and the one check.

In: who asks, and a permission or a change. Out: nothing or rows; a refusal that names the
permission and the roles that give it.
Never: a built-in role changed, or a permission given by somebody who lacks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from soar.domain import roles
from soar.domain.errors import BadInput, Conflict, NotAllowed, NotFound
from soar.domain.model import Person
from soar.store.rows import Row
from soar.store.work import Work

Actor = Person | str
"""Who makes a change: somebody known, or the operator's word."""


def require(work: Work, person: Person, area: str, verb: str) -> None:
    """
    Let somebody pass who has the permission, or say which roles give it.

    Who is of some tenants may change nothing that all of them share, whatever their roles permit;
    nor may a playbook change what bounds playbooks, whoever it runs as.
    """
    if person.run_id is not None and roles.bounds_playbooks(area, verb):
        wanted = roles.permission(verb, area)
        raise NotAllowed(f"a playbook may not {wanted}, whoever it runs as")
    if person.tenants and roles.concerns_all(area, verb):
        wanted = roles.permission(verb, area)
        raise NotAllowed(f"{person.username} may not {wanted}: that concerns all tenants")
    if not roles.may(person, area, verb):
        giving = work.roles.giving(roles.permission(verb, area))
        raise NotAllowed(roles.refusal(person, area, verb, giving))


def get(work: Work, name: str) -> Row:
    """Return one role, built in or made, disabled or not."""
    row = work.roles.get(name)
    if row is None:
        raise NotFound(f"there is no role {name[:80]!r}: see `soar role list`")
    return row


def add(work: Work, name: str, *, description: str, permissions: Iterable[str], by: Actor) -> Row:
    """Add a role; who has its name already has what it permits, at once."""
    given, text = frozenset(permissions), _description(description)
    known = roles.same_name(roles.checked_name(name))
    if known:
        raise Conflict(f"{known!r} is built in: choose another name")
    _check_reach(by, given)
    if not work.roles.add(name, description=text, permissions=sorted(given), by=_name(by)):
        raise Conflict(f"there is a role {name!r}: see `soar role show`; it may be disabled")
    detail = {"role": name, "description": text, "permissions": sorted(given)}
    work.audit(_name(by), "role added", detail)
    return get(work, name)


def edit(
    work: Work,
    name: str,
    *,
    description: str | None = None,
    permissions: Iterable[str] | None = None,
    disabled: bool | None = None,
    by: Actor,
) -> Row:
    """Change what is given of a role; who has it has what it permits now, at once."""
    before = _own(work, name)
    changed: dict[str, Any] = {
        "description": before["description"] if description is None else _description(description),
        "permissions": before["permissions"] if permissions is None else sorted(permissions),
        "disabled": before["disabled"] if disabled is None else disabled,
    }
    # Also what it has permitted: nobody takes from others what they could not give back.
    _check_reach(by, frozenset(changed["permissions"]), frozenset(before["permissions"]))
    work.roles.save(name, **changed)
    told = {field: before[field] for field in changed}
    work.audit(_name(by), _told(told, changed), {"role": name, **changed, "before": told})
    return get(work, name)


def disable(work: Work, name: str, *, by: Actor) -> Row:
    """Let a role permit nothing any more; people keep its name, to which approvals may go."""
    if _own(work, name)["disabled"]:
        raise NotFound(f"the role {name!r} is disabled already")
    return edit(work, name, disabled=True, by=by)


def unheard(work: Work, names: Sequence[str], *, of: str, approvers: str) -> list[str]:
    """Return names that nothing knows: no role, nobody else's, and not the usual approvers'."""
    return [name for name in work.roles.unheard(names, of=of) if name != approvers]


def _own(work: Work, name: str) -> Row:
    """Return a role that people made, locked for a change."""
    row = work.roles.lock(name)
    if row is None:
        get(work, name)
        raise NotAllowed(f"the role {name!r} is built in: it cannot be changed")
    return row


def _told(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return what the audit trail calls a change."""
    if before["disabled"] == after["disabled"]:
        return "role edited"
    return "role disabled" if after["disabled"] else "role enabled"


def _description(text: str) -> str:
    if len(text) > roles.LONGEST_DESCRIPTION:
        most = roles.LONGEST_DESCRIPTION
        raise BadInput("description", f"is longer than {most} characters")
    return text


def _check_reach(by: Actor, *permissions: frozenset[str]) -> None:
    """Refuse a change by somebody who lacks one of the permissions; an administrator has all."""
    if isinstance(by, str):
        return
    beyond = frozenset[str]().union(*permissions) - by.permissions
    if beyond:
        lacked = ", ".join(sorted(beyond))
        raise NotAllowed(f"{by.username} may give only what they may do themselves, not: {lacked}")


def _name(by: Actor) -> str:
    return by if isinstance(by, str) else by.username
