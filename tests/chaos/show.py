"""
How a chaos run looks: a bar while it goes on, then faults, recoveries and breaches.

In: what the conductor and the auditor found. Out: text for people, or one JSON object.
Never: a breach left out of the count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.chaos.audit import Breach
from tests.chaos.conductor import Ended, Told
from tests.chaos.monkey import Done
from tests.chaos.plan import Plan

MOST_SHOWN = 60


@contextmanager
def progress(plan: Plan, *, quiet: bool) -> Iterator[Told]:
    """Show how far a run is; *quiet* shows nothing."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} ended · {task.fields[what]}"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(f"seed {plan.seed}", total=len(plan.alerts), what="starting")

        def tell(accepted: int, ended: int, done: list[Done]) -> None:
            what = done[-1].what if done else "no fault yet"
            bar.update(task, completed=ended, what=f"fault {len(done)}: {what}")

        yield tell


def outcome(plan: Plan, ended: Ended, breaches: list[Breach]) -> None:
    """Print everything for people."""
    console = Console(width=None if Console().is_terminal else 160)
    console.print(_faults(plan, ended))
    for line in _numbers(plan, ended):
        console.print(line)
    if not breaches:
        console.print("[green]No breach: nothing lost, nothing done twice.[/]")
        return
    console.print(_breaches(breaches))
    console.print(
        f"[red]{len(breaches)} breaches.[/] The same again:"
        f" make chaos SEED={plan.seed} RUNS={plan.runs}"
    )


def _faults(plan: Plan, ended: Ended) -> Table:
    table = Table(title=f"Faults of seed {plan.seed}")
    table.add_column("after", justify="right")
    table.add_column("what")
    table.add_column("next progress after", justify="right")
    for done, recovery in zip(ended.done, ended.recoveries, strict=True):
        shown = "never" if recovery is None else f"{recovery:.1f} s"
        table.add_row(f"{done.strike.after} alerts", done.what, shown)
    return table


def _numbers(plan: Plan, ended: Ended) -> list[str]:
    found = figures(plan, ended)
    restarts = ", ".join(f"{k} {v}" for k, v in sorted(ended.restarts.items())) or "none"
    return [
        f"{found['alerts']} alerts, {found['runs']} runs, {found['calls']} calls,"
        f" {found['faults']} faults in {found['seconds']} s;"
        f" {found['sent_again']} alerts sent again; restarts: {restarts}",
        f"effects at the lab: {found['effects']}; unknown: {found['unknown']}",
        f"runs cancelled: {found['cancelled']}; what vendors said meanwhile: {found['compared']}",
        f"worst time from a fault to the next progress: {found['worst_recovery']} s;"
        f" longest silence: {found['longest_quiet']} s",
        f"cases stood still longest for {'; '.join(found['still'][:3])}",
        *(f"open in the longest silence: {call}" for call in ended.witnessed),
        f"a run took {found['run_median']} s (median), {found['run_worst']} s (worst)",
    ]


def figures(plan: Plan, ended: Ended) -> dict[str, Any]:
    """Return the numbers of a run."""
    facts = ended.facts
    took = [r["seconds"] for r in facts.runs if r["seconds"] is not None] or [0.0]
    recovered = [r for r in ended.recoveries if r is not None] or [0.0]
    return {
        "seed": plan.seed,
        "alerts": len(plan.alerts),
        "runs": len(facts.runs),
        "calls": len(facts.calls),
        "faults": len(ended.done),
        "seconds": round(ended.seconds, 1),
        "sent_again": ended.repeats,
        "effects": dict(Counter(kind for kind, _ in facts.effects.elements())),
        "cancelled": sum(r["status"] == "cancelled" for r in facts.runs),
        "compared": dict(facts.compared),
        "unknown": sum(c["effect"] == "unknown" for c in facts.calls),
        "worst_recovery": round(max(recovered), 1),
        "longest_quiet": round(ended.longest_quiet, 1),
        "longest_still": round(facts.still[0]["gap"], 1) if facts.still else 0.0,
        "still": [
            f"{s['gap']:.1f} s in container {s['container_id']}, {s['since']!r} to {s['until']!r}"
            for s in facts.still
        ],
        "witnessed": ended.witnessed,
        "run_median": round(median(took), 1),
        "run_worst": round(max(took), 1),
    }


def _breaches(breaches: list[Breach]) -> Table:
    count = Counter(b.what for b in breaches)
    title = "Breaches: " + ", ".join(f"{what} {n}" for what, n in count.most_common())
    table = Table("what", "where", "detail", title=title)
    for breach in breaches[:MOST_SHOWN]:
        table.add_row(breach.what, breach.where, breach.detail)
    if len(breaches) > MOST_SHOWN:
        table.add_row("…", "", f"and {len(breaches) - MOST_SHOWN} more")
    return table


def as_json(plan: Plan, ended: Ended, breaches: list[Breach]) -> dict[str, Any]:
    """Return everything as one JSON object."""
    faults = [
        {"after": d.strike.after, "what": d.what, "recovery": None if r is None else round(r, 2)}
        for d, r in zip(ended.done, ended.recoveries, strict=True)
    ]
    found = [asdict(b) for b in breaches]
    return {**figures(plan, ended), "faults_done": faults, "breaches": found}
