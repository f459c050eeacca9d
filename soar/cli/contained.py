"""
``soar contained``: what is contained now, renewed, taken back, compared with the vendors.

In: ids of containments. Out: the read model of the ledger. Never: a write to a vendor from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from soar.cli import entry
from soar.cli.exits import FAILED
from soar.cli.screen import AsJson, cell, error_line, plain, progress, say, show, table
from soar.cli.tokens import COMMAND_LINE

if TYPE_CHECKING:
    from soar.containment import Contained, Finding, Reconciliation

app = typer.Typer(invoke_without_command=True)
COLUMNS = ("id", "action", "target", "asset", "status", "since", "until", "by", "also for", "")
Number = Annotated[int, typer.Argument(min=1, help="Id of the containment.")]


@app.callback(
    epilog="Examples:\n\nsoar contained\n\nsoar contained --asset falcon_prod --ended --json"
)
def contained(
    context: typer.Context,
    asset: Annotated[str, typer.Option(help="Only what stands on this asset.")] = "",
    ended: Annotated[bool, typer.Option("--ended", help="Also what has ended.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many; with --ended 1000 if not told.")
    ] = None,
    before: Annotated[int | None, typer.Option(min=1, help="Only what has a lower id.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is contained now, the newest first: by which run, until when."""
    if context.invoked_subcommand:
        return
    from soar import containment

    most = limit or (containment.BATCH if ended else None)
    with entry.working() as (house, work):
        found = containment.contained(
            work, house.catalog, asset=asset, ended=ended, before=before, limit=most
        )
        last, older = found[-1].id if found else 0, 0
        if len(found) == most:
            older = containment.count_older(work, house.catalog, last, asset=asset, ended=ended)
    draw = table(COLUMNS, map(_row, found), empty="Nothing is contained.")
    show(as_json, [containment.shape(one) for one in found], draw)
    if older:
        error_line(f"{older} more, which are older: --before {last}", prefix="")


@app.command("renew", epilog="Examples:\n\nsoar contained renew 7 --minutes 120")
def renew(
    containment_id: Number,
    minutes: Annotated[int, typer.Option(help="Minutes from now; 0: until it is undone.")],
    as_json: AsJson = False,
) -> None:
    """Let a containment stand for so long from now."""
    from soar import containment

    with entry.working() as (_, work):
        until = containment.renew(work, containment_id, minutes, by=COMMAND_LINE)
    when = f"until {plain(until)} UTC" if until else "until it is undone"
    document = {"containment": containment_id, "until": until}
    say(as_json, document, f"Containment {containment_id} stands {when}.")


@app.command("undo", epilog="Examples:\n\nsoar contained undo 7")
def undo(containment_id: Number, as_json: AsJson = False) -> None:
    """Take a containment back: starts the run that does it, through the asset's lane."""
    from soar import containment
    from soar.engine.settling import Settling

    with entry.working() as (house, work):
        settling = Settling(catalog=house.catalog, settings=house.settings)
        run = containment.undo(work, settling, containment_id, by=COMMAND_LINE)
    document = {"containment": containment_id, "run": run}
    say(as_json, document, f"Run {run} takes containment {containment_id} back.")


@app.command(
    "settle",
    epilog="Examples:\n\nsoar contained settle 7 --happened\n\nsoar contained settle 7 --missed",
)
def settle(
    effect_id: Annotated[int, typer.Argument(min=1, help="Id of the effect: see `soar doctor`.")],
    happened: Annotated[
        bool, typer.Option("--happened/--missed", help="Whether the vendor has done it.")
    ],
    as_json: AsJson = False,
) -> None:
    """Tell whether a write of which nobody knows took effect, where no question is open for it."""
    from soar import containment

    with entry.working() as (_, work):
        containment.settle(work, effect_id, took_effect=happened, by=COMMAND_LINE)
    told = "took effect" if happened else "did not take effect"
    document = {"effect": effect_id, "took_effect": happened}
    say(as_json, document, f"Effect {effect_id} {told}.")


@app.command(
    "reconcile",
    epilog="Examples:\n\nsoar contained reconcile\n\nsoar contained reconcile --asset falcon_prod",
)
def reconcile(
    asset: Annotated[str, typer.Option(help="Only what stands on this asset.")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask the vendors what stands, within each asset's budget; ends with 1 if they disagree."""
    from soar import containment

    with entry.opened() as house:
        with house.database.begin() as work:
            standing = containment.contained(work, house.catalog, asset=asset)
        asking = containment.Reconciliation(
            database=house.database,
            catalog=house.catalog,
            limiter=entry.limiter(house),
            vault=house.vault(),
        )
        found = _look_at(asking, standing)
    documents = [_document(finding) for finding in found]
    columns = ("id", "action", "target", "asset", "the vendor says", "")
    show(as_json, documents, table(columns, map(_said, found), empty="Nothing is contained."))
    if any(finding.says != "stands" for finding in found):
        raise typer.Exit(FAILED)


def _look_at(asking: Reconciliation, standing: list[Contained]) -> list[Finding]:
    found = []
    with progress() as bar:
        task = bar.add_task("asking the vendors", total=len(standing))
        for one in standing:
            found.append(asking.look(one))
            bar.advance(task)
    return found


def _document(finding: Finding) -> dict[str, object]:
    from soar import containment

    return {
        **containment.shape(finding.contained),
        "says": finding.says,
        "news": finding.news,
        "problem": finding.problem,
    }


def _said(finding: Finding) -> tuple[object, ...]:
    one = finding.contained
    says = cell(finding.says, {"stands": "green", "gone": "red", "not asked": "magenta"})
    return one.id, one.action, one.target, one.asset, says, finding.problem


def _row(one: Contained) -> tuple[object, ...]:
    until = f"{plain(one.until)} ({one.ends_by})" if one.until else "undone"
    also = ", ".join(f"run {run}" for run in one.shared_by)
    by = f"{one.playbook}, run {one.run}"
    return (
        one.id,
        one.action,
        one.target,
        one.asset,
        one.status,
        one.since,
        until,
        by,
        also,
        _note(one),
    )


def _note(one: Contained) -> str:
    """Say what is going on with a containment, if anything is."""
    if one.ended:
        return f"ended {plain(one.ended)}: {one.ended_because}"
    if one.approval:
        return f"nobody knows: approval {one.approval} asks"
    return f"run {one.undo_run} is undoing it" if one.undo_run else ""
