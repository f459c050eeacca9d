"""
A word about roles that permit nothing: none, a new name for approvals, or a slip of the pen.

In: the names that somebody is given. Out: a sentence on standard error, or none.
Never: a refusal: approvals may be addressed to any name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from soar.cli.screen import error_line

if TYPE_CHECKING:
    from soar.bootstrap import House
    from soar.store.work import Work


def note(house: House, work: Work, user: str, names: Sequence[str]) -> None:
    """Say which of the names are neither a role nor known from anybody else, or that none is."""
    from soar import roles

    if not names:
        error_line(f"without a role {user} may do nothing (see `soar role list`)", prefix="note: ")
    unheard = roles.unheard(work, names, of=user, approvers=house.settings.approvers)
    if unheard:
        told = " and ".join(map(repr, unheard))
        error_line(
            f"{told}: no role of that name permits anything, and nobody else has it;"
            " approvals may be addressed to it (see `soar role list`)",
            prefix="note: ",
        )
