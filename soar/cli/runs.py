"""
``soar runs``, ``soar run show`` and ``soar report``: what happened, in order.

In: ids. Out: the read models of runs, timelines and reports. Never: a write but to cancel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from soar.cli import entry
from soar.cli.screen import AsJson, cell, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import BadInput
from soar.domain.states import RunStatus

if TYPE_CHECKING:
    from soar.timeline import Entry, Timeline

app = typer.Typer(no_args_is_help=True)
SEARCHED = 5_000  # newest runs in which --status and --waiting look
RUN = (
    "id",
    "playbook",
    "version",
    "container_id",
    "status",
    "error",
    "started_by",
    "create_time",
    "start_time",
    "end_time",
    "auto_resolved",
    "shadow",
    "beside",
)


def runs(
    limit: Annotated[int, typer.Option(min=1, max=SEARCHED, help="How many, newest first.")] = 50,
    status: Annotated[str, typer.Option(help="Only runs of this status.")] = "",
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only runs that wait for somebody's answer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the newest playbook runs."""
    if status and status not in {known.value for known in RunStatus}:
        known = ", ".join(known.value for known in RunStatus)
        raise BadInput("status", f"{status!r} is none of {known}")
    with entry.working() as (_, work):
        found = work.reads.recent_runs(SEARCHED if status or waiting else limit)
    wanted = [r for r in found if _wanted(r, status, waiting)][:limit]
    rows = [
        (
            r["id"],
            r["playbook"],
            r["container_id"],
            r["container_name"],
            r["severity"],
            _status(r),
            r["create_time"],
            r["error"],
        )
        for r in wanted
    ]
    columns = (
        "run",
        "playbook",
        "container",
        "name",
        "severity",
        "status",
        "queued (UTC)",
        "error",
    )
    show(as_json, wanted, table(columns, rows, empty="No runs."))


@app.command("show", epilog="Examples:\n\nsoar run show 7\n\nsoar run show 7 --json")
def show_run(
    run_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="Id of the run.")],
    as_json: AsJson = False,
) -> None:
    """Show one run: its state, what failed, and what happened in order."""
    from soar import timeline

    with entry.working() as (_, work):
        run = work.runs.get(run_id)
        found = timeline.of_run(work, run_id)
    document = {
        **entry.pick(run, *RUN),
        "case": found.case,
        "failures": failures(found),
        "timeline": [asdict(step) for step in found.entries],
    }
    show(as_json, document, lambda console: _draw(console, document, found))


@app.command(
    "cancel",
    epilog="Examples:\n\nsoar run cancel 12 --reason 'wrong alert'",
)
def cancel_run(
    run: Annotated[int, typer.Argument(min=1, help="Id of the run.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit trail and the run's log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Cancel a run: nothing new starts; calls under way end and are recorded."""
    from soar.cancellation import cancel

    with entry.working() as (_, work):
        ids = cancel(work, run, by=COMMAND_LINE, reason=reason)
    also = f", with the runs {', '.join(map(str, ids[1:]))}" if len(ids) > 1 else ""
    say(as_json, {"cancelled": ids}, f"Run {run} is cancelled{also}.")


def report(
    container: Annotated[int, typer.Argument(min=1, help="Id of the container.")],
    as_json: AsJson = False,
) -> None:
    """Show the execution report of a container."""
    from soar import report as reports

    with entry.working() as (_, work):
        text = reports.read(work, container)
    document = {"container": container, "report": text}
    show(as_json, document, lambda console: console.print(plain(text).rstrip(), soft_wrap=True))


def failures(found: Timeline) -> list[str]:
    """Return one sentence for each action that failed and each run that ended badly."""
    return [
        f"{_what(step)}: {step.detail or 'no reason was given'}"
        for step in found.entries
        if step.status == "failed" and step.kind in ("run", "action")
    ]


def _wanted(run: Mapping[str, Any], status: str, waiting: bool) -> bool:
    return (not status or run["status"] == status) and (not waiting or bool(run["waiting"]))


def _status(run: Mapping[str, Any]) -> str:
    status = "waiting" if run["waiting"] else run["status"]
    return f"{status} (shadow)" if run["shadow"] else str(status)


def _draw(console: Console, document: Mapping[str, Any], found: Timeline) -> None:
    title = f"Run {document['id']}: {document['playbook']} on {found.case} ({found.name})"
    console.print(plain(title), style="bold")
    console.print(cell(document["status"]), plain(document["error"]))
    if document["shadow"]:
        console.print(f"in shadow, beside run {document['beside']}", style="magenta")
    for sentence in document["failures"]:
        console.print(f"failed: {plain(sentence)}", style="red")
    rows = [
        (step.time, step.kind, _what(step), step.status, _took(step), _detail(step))
        for step in found.entries
    ]
    columns = ("time (UTC)", "kind", "what", "status", "took", "")
    table(columns, rows, empty="Nothing has happened yet.")(console)


def _what(step: Entry) -> str:
    return f"{step.title} on {step.asset}" if step.asset else step.title


def _took(step: Entry) -> str:
    return "" if step.seconds is None else f"{step.seconds:.1f}s"


def _detail(step: Entry) -> str:
    """Say how it ended, or what it waits for."""
    if step.waits_for:
        return f"waits for {step.waits_for} {step.detail}".rstrip()
    by = f", by {' and '.join(step.agreed)}" if step.agreed else ""
    said = f"{step.who}: {step.detail}" if step.who and step.detail else step.detail or step.who
    return said + by
