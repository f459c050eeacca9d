"""
``soar policy`` and ``soar shift``: who must agree before which call, and who is on call.

In: rules, word by word. Out: rules and shifts in the store, and in the audit trail.
Never: a high-impact action without anybody.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE

app = typer.Typer(no_args_is_help=True)
shifts_app = typer.Typer(no_args_is_help=True)
COLUMNS = ("id", "action", "asset", "label", "severity", "hours", "needs", "not", "fresh", "note")
Number = Annotated[int, typer.Argument(min=1, help="Its id.")]
Action = Annotated[str, typer.Option(help="The action; * is any that contains.")]
Asset = Annotated[str, typer.Option(help="The asset; * is any.")]
Label = Annotated[str, typer.Option(help="The container's label; * is any.")]
Severity = Annotated[str, typer.Option(help="The container's severity; * is any.")]


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """List the policies; what none is about needs one of the usual approvers."""
    from soar import policy
    from soar.domain.policy import FIELDS

    with entry.working() as (_, work):
        found = [{"id": r["id"], **policy.shape(r)} for r in work.policies.rules()]
    rows = [[r["id"], *(_cell(r[n]) for n in FIELDS)] for r in found]
    empty = "No policies: a high-impact action needs one of SOAR_APPROVERS."
    show(as_json, found, table(COLUMNS, rows, empty=empty))


@app.command(
    "add",
    epilog="Examples:\n\nsoar policy add '2 of soc_tier2' --action 'quarantine device'\n\n"
    "soar policy add 'soc_tier2 and soc_lead' --severity critical --fresh 5\n\n"
    "soar policy add 'soc_tier2 for 15 minutes, then soc_lead for 30 minutes, then ciso'"
    " --asset crowdstrike_prod\n\n"
    "soar policy add '@soc' --hours 'not mon-fri 08:00-18:00 Europe/Berlin'",
)
def add(
    needs: Annotated[
        str, typer.Argument(help="Who must agree: people, roles, or @team for who is on call.")
    ],
    action: Action = "*",
    asset: Asset = "*",
    label: Label = "*",
    severity: Severity = "*",
    hours: Annotated[str, typer.Option(help="When it counts; without it, always.")] = "",
    apart: Annotated[
        str, typer.Option(help="Who may not agree: requester, author, both, or nobody ('').")
    ] = "requester,author",
    fresh: Annotated[
        int, typer.Option(min=0, help="Minutes since the password was last given; 0 is any.")
    ] = 0,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say who must agree before a call; the most specific policy counts."""
    from soar import policy

    raw = {
        "action": action,
        "asset": asset,
        "label": label,
        "severity": severity,
        "hours": hours,
        "needs": needs,
        "apart": apart,
        "fresh": fresh,
        "note": note,
    }
    with entry.working() as (house, work):
        row = policy.add(work, raw, catalog=house.catalog, by=COMMAND_LINE)
    document = {"id": row["id"], **policy.shape(row)}
    what = f"{row['action']} on {row['asset']}"
    say(as_json, document, f"policy {row['id']} added: {plain(what)} needs {plain(row['needs'])}")


@app.command("remove", epilog="Examples:\n\nsoar policy remove 3")
def remove(number: Number, as_json: AsJson = False) -> None:
    """Remove a policy."""
    from soar import policy

    with entry.working() as (_, work):
        row = policy.remove(work, number, by=COMMAND_LINE)
    document = {"id": number, **policy.shape(row)}
    say(as_json, document, f"policy {number} removed: {plain(row['needs'])}")


@app.command(
    "explain",
    epilog="Examples:\n\nsoar policy explain --action 'quarantine device' --severity critical",
)
def explain(
    action: Annotated[str, typer.Option(help="The action.")],
    asset: Annotated[str, typer.Option(help="The asset.")] = "",
    label: Annotated[str, typer.Option(help="The container's label.")] = "events",
    severity: Annotated[str, typer.Option(help="The container's severity.")] = "medium",
    as_json: AsJson = False,
) -> None:
    """Say which policy would count for a call now."""
    from soar import policy
    from soar.domain.policy import Asked

    with entry.working() as (house, work):
        specs = [spec for spec in house.catalog.actions if spec.name == action.lower()]
        contains = any(spec.is_containment for spec in specs)
        rule = policy.explain(
            work,
            Asked(
                action=action.lower(),
                asset=asset,
                label=label,
                severity=severity,
                at=datetime.now(UTC),
                is_containment=contains,
            ),
        )
        usual = house.settings.approvers if any(s.high_impact for s in specs) else "nobody"
    counts = f"policy {rule.number}: it needs {rule.needs}" if rule else f"none: it needs {usual}"
    document = {"policy": rule.number if rule else None, "needs": rule.needs if rule else usual}
    say(as_json, document, plain(counts))


@shifts_app.command("list")
def list_shifts(as_json: AsJson = False) -> None:
    """List the shifts that have not ended."""
    with entry.working() as (_, work):
        found = work.policies.shifts()
    rows = [[r["id"], f"@{r['team']}", r["person"], r["begins"], r["ends"]] for r in found]
    columns = ("id", "team", "person", "from (UTC)", "until (UTC)")
    show(as_json, found, table(columns, rows, empty="Nobody is on call."))


@shifts_app.command(
    "add",
    epilog="Examples:\n\nsoar shift add soc anna --from 2026-05-31T08:00 --until 2026-05-31T20:00",
)
def add_shift(
    team: Annotated[str, typer.Argument(help="The team; policies name it with an @ before it.")],
    person: Annotated[str, typer.Argument(help="Who is on call.")],
    begins: Annotated[datetime, typer.Option("--from", help="In UTC, like 2026-05-31T08:00.")],
    ends: Annotated[datetime, typer.Option("--until", help="In UTC, like 2026-05-31T20:00.")],
    as_json: AsJson = False,
) -> None:
    """Put a person on call."""
    from soar import policy

    first, last = begins.replace(tzinfo=UTC), ends.replace(tzinfo=UTC)
    with entry.working() as (_, work):
        number = policy.put_on_call(
            work, team=team, person=person, begins=first, ends=last, by=COMMAND_LINE
        )
    document = {"id": number, "team": team, "person": person, "begins": first, "ends": last}
    said = f"shift {number}: {plain(person)} is on call for @{plain(team)} until {plain(last)}"
    say(as_json, document, said)


@shifts_app.command("remove", epilog="Examples:\n\nsoar shift remove 2")
def remove_shift(number: Number, as_json: AsJson = False) -> None:
    """Take a shift away."""
    from soar import policy

    with entry.working() as (_, work):
        gone = policy.take_off_call(work, number, by=COMMAND_LINE)
    said = f"shift {number} removed: {plain(gone['person'])} for @{plain(gone['team'])}"
    say(as_json, gone, said)


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
