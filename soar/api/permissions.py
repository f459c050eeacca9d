"""
What each address needs: for each verb an area and a verb of roles, or the reason why none.

In: an area. Out: needs, which the door checks before anything else, and the reference shows.
Never: an address that says nothing about what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

READS = ("GET", "HEAD")
USUAL = {"POST": "edit", "DELETE": "delete"}

Permission = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What an address needs: (area, verb) for a method; what is not named needs a token only."""

    permissions: Mapping[str, Permission] = field(default_factory=dict)
    why: str = ""
    """Why a method without a permission needs none."""

    def of(self, method: str) -> Permission | None:
        """Return what a method needs, if it needs more than a token."""
        return self.permissions.get("GET" if method in READS else method)


def of(area: str, *, post: Permission | None = None, delete: Permission | None = None) -> Needs:
    """
    Return the needs of an address in an area: view to read, edit to post, delete to delete.

    *post* and *delete* are given where they need something else.
    """
    usual = {method: (area, verb) for method, verb in USUAL.items()}
    given = {"POST": post, "DELETE": delete}
    own = {method: need for method, need in given.items() if need}
    return Needs(permissions={"GET": (area, "view"), **usual, **own})


SETTING: Permission = ("system_settings", "edit")
SETTINGS = of("system_settings", delete=SETTING)
"""A rule of the system: to add and to remove one is to edit the settings."""
PARTS = of("containers", delete=("containers", "edit"))
"""What belongs to a container: to remove it is to edit the container."""
RUN: Permission = ("playbooks", "execute")

ANYBODY = Needs(why="it tells of the server only")
ASKED = Needs(why="approvals decide by name: who is asked sees and answers them, others only look")
