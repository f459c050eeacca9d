"""
``soar reassign`` and ``soar withdraw``: a question given to somebody else, or taken back.

In: the number of an approval. Out: the question, asked of another; or closed unanswered.
Never: an answer.
"""

from __future__ import annotations

from typing import Annotated

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, plain, say
from soar.cli.tokens import COMMAND_LINE

Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="Id of the approval.")]


def reassign(
    approval_id: Number,
    to: Annotated[str, typer.Argument(help="The person or role that is to answer.")],
    as_json: AsJson = False,
) -> None:
    """Ask somebody else; one that may let calls go stays with the approvers."""
    from soar import handover

    with entry.working() as (house, work):
        approvers = house.settings.approvers
        row = handover.reassign(work, approval_id, to=to, by=COMMAND_LINE, approvers=approvers)
    document = entry.pick(row, "id", "assignee", "payload_digest", "due_at")
    say(as_json, document, f"approval {row['id']} is asked of {plain(row['assignee'])} now")


def withdraw(
    approval_id: Number,
    reason: Annotated[str, typer.Option(help="Why, for the audit trail and the run.")] = "",
    as_json: AsJson = False,
) -> None:
    """Close an approval unanswered: what waits for it fails, and its run goes on."""
    from soar import handover

    with entry.working() as (_, work):
        row = handover.withdraw(work, approval_id, by=COMMAND_LINE, reason=reason)
    document = entry.pick(row, "id", "status", "close_time")
    say(as_json, document, f"approval {row['id']} is withdrawn: nothing of it was done")
