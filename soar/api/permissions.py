"""
Who may do what: one table, read here and in ``docs/reference/rest.md``.

In: a person and what they want to do. Out: nothing, or a refusal that names the roles.
Never: a decision about approvals; ``soar.approvals`` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from soar.domain.errors import NotAllowed
from soar.domain.model import Person

WRITERS = ("admin", "automation", "analyst")
ADMINS = ("admin",)

PERMISSIONS: Mapping[str, tuple[str, ...]] = {
    "edit containers": WRITERS,
    "edit artifacts": WRITERS,
    "edit custom lists": WRITERS,
    "edit workbooks": ADMINS,
    "run playbooks": WRITERS,
    "edit assets": ADMINS,
    "edit triggers": ADMINS,
    "edit blast rules": ADMINS,
    "edit approval policies": ADMINS,
    "switch shadow mode": ADMINS,
}
"""What needs a role, and the roles of which one suffices; reading needs a token only."""


def require(person: Person, permission: str) -> None:
    """Let a person pass whose roles allow it, or say which role is missing."""
    allowed = PERMISSIONS[permission]
    if not set(allowed) & set(person.roles):
        raise NotAllowed(
            f"{person.username} may not {permission}: it needs the role {' or '.join(allowed)}"
        )
