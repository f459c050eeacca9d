"""
Channels and the addresses of people, as an operator sets them.

In: settings and names. Out: rows, secrets sealed, each change in the audit trail.
Never: a secret in the audit trail, or an address that two people share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from soar.domain.errors import BadInput, NotFound
from soar.domain.shapes import stamp
from soar.notify import kinds
from soar.store.rows import Row
from soar.store.work import Work
from soar.tenants import ids as tenant_ids
from soar.vault import Vault, shown

SLACK_USER = re.compile(r"(?:([TE][A-Z0-9]{2,20})/)?([UW][A-Z0-9]{2,20})")


def save(
    work: Work,
    name: str,
    kind: str,
    settings: Mapping[str, str],
    *,
    vault: Vault,
    by: str,
    events: Sequence[str] = (),
    assignees: Sequence[str] = (),
    to: Sequence[str] = (),
    tenants: Sequence[str] = (),
) -> Row:
    """
    Add a channel or set the one of that name anew; *to*: ROLE=ADDRESS, for e-mail only.

    *tenants*: it tells only of their containers; without any, of everybody's.
    """
    kinds.check_name(name)
    configuration = kinds.sealed(kind, kinds.checked(kind, settings), vault)
    if kind == "email":
        configuration["recipients"] = kinds.recipients(to)
    elif to:
        raise BadInput("to", f"is for e-mail: a channel of the kind {kind} has one receiver")
    heard = kinds.events_of(kind, events)
    own = tenant_ids(work, tenants)
    work.channels.save(name, kind, configuration, events=heard, assignees=assignees, tenants=own)
    made = work.channels.get(name)
    detail = {"channel": name, "kind": kind, "events": heard, "tenants": own}
    work.audit(by, "channel saved", detail)
    return made


def remove(work: Work, name: str, *, by: str) -> Row:
    """Remove a channel; what it has not told yet is never told."""
    row = work.channels.get(name)
    work.channels.delete(name)
    work.audit(by, "channel removed", {"channel": name, "kind": row["kind"]})
    return row


def link(work: Work, username: str, *, by: str, email: str = "", slack: str = "") -> dict[str, str]:
    """Say under which addresses a person is known; an answer from there is this person's."""
    person = work.people.get(username)
    if person["kind"] == "automation":
        raise BadInput("user", f"{username!r} is a machine: only people answer")
    found = {}
    if email:
        found["email"] = kinds.check_address(email)
    if slack:
        found["slack"] = slack_address(work, slack)
    if not found:
        raise BadInput("email", "is missing: give --email, --slack or both")
    for kind, address in found.items():
        work.channels.give_address(person["id"], kind, address)
    work.audit(by, "person linked", {"user": username, **found})
    return found


def unlink(work: Work, username: str, *, by: str) -> int:
    """Forget the addresses of a person."""
    count = work.channels.take_addresses(work.people.get(username)["id"])
    if not count:
        raise NotFound(f"{username} has no address: see `soar channel people`")
    work.audit(by, "person unlinked", {"user": username, "count": count})
    return count


def slack_address(work: Work, given: str) -> str:
    """Return TEAM/USER; the team may be left out where there is one only."""
    found = SLACK_USER.fullmatch(given.strip())
    if found is None:
        raise BadInput(
            "slack", f"{given[:60]!r} is no member id of Slack's, like U012AB or T01/U012AB"
        )
    teams = {row["configuration"].get("team") for row in work.channels.all("slack")}
    if found[1] is None and len(teams) != 1:
        raise BadInput(
            "slack", "must name the team as well, like T01/U012AB: no or several are known"
        )
    return f"{found[1] or teams.pop()}/{found[2]}"


def document(row: Mapping[str, Any], counts: Mapping[int, Row]) -> dict[str, Any]:
    """Return a channel as people may see it: secrets are stars."""
    counted = counts.get(row["id"], {})
    return {
        "name": row["name"],
        "kind": row["kind"],
        "configuration": shown(row["configuration"]),
        "events": row["events"],
        "for": row["assignees"],
        "tenants": row["tenants"],
        "planned": counted.get("planned", 0),
        "failed": counted.get("failed", 0),
        "last_error": counted.get("error") or "",
        "failures": row["failures"],
        "closed_until": stamp(row["closed_until"]),
    }
