"""
``soar blast``: what needs a second approval: protected targets, and limits on containments.

In: rules, word by word. Out: the rules in the store, and in the audit trail.
Never: a built-in rule taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import BadInput

app = typer.Typer(no_args_is_help=True)
COLUMNS = ("rule", "action", "asset", "protects", "at most", "per", "note")
Number = Annotated[int, typer.Argument(min=1, help="Id of the rule.")]


@app.command("list")
def list_rules(as_json: AsJson = False) -> None:
    """List the rules, and those that are built in."""
    from soar import blast

    with entry.working() as (_, work):
        own: list[dict[str, Any]] = [
            {"id": row["id"], **blast.shape(row), "created_by": row["created_by"]}
            for row in work.blast.rules()
        ]
    built_in = [{"id": None, **rule, "created_by": "built in"} for rule in blast.built_in()]
    every = [*own, *built_in]
    show(as_json, every, table(COLUMNS, map(_row, every), empty="No rules."))


@app.command(
    "add",
    epilog="Examples:\n\nsoar blast add dc01 'dc-*' --action 'quarantine device'"
    " --note 'domain controller'\n\n"
    "soar blast add 203.0.113.0/24 --note 'our own addresses'\n\n"
    "soar blast add --limit 10/hour --per playbook",
)
def add_rules(
    protect: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="Names, patterns such as dc-*, or networks that are protected.",
        ),
    ] = None,
    action: Annotated[str, typer.Option(help="The containment it is about; * is any.")] = "*",
    asset: Annotated[str, typer.Option(help="The asset it is about; * is any.")] = "*",
    limit: Annotated[
        str, typer.Option(help='Instead of targets: so many in a time, as in "10/hour".')
    ] = "",
    per: Annotated[
        str, typer.Option(help="What a limit counts: per asset, playbook or tenant, or all.")
    ] = "",
    note: Annotated[str, typer.Option(help="Why: whoever is asked reads it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Protect targets, or limit how many containments go without a second approval."""
    from soar import blast

    common = {"action": action, "asset": asset, "note": note, "per": per}
    raws: list[dict[str, str]] = [
        {**common, "kind": "protected", "pattern": text} for text in protect or ()
    ]
    raws += [{**common, "kind": "limit", "limit": limit}] if limit else []
    if not raws:
        raise BadInput("target", "is missing: name what is protected, or give --limit")
    with entry.working() as (house, work):
        rows = [blast.add(work, raw, catalog=house.catalog, by=COMMAND_LINE) for raw in raws]
    documents = [{"id": row["id"], **blast.shape(row)} for row in rows]
    said = "; ".join(f"rule {d['id']} added: {_what(d)}" for d in documents)
    say(as_json, {"added": documents}, said)


@app.command("remove", epilog="Examples:\n\nsoar blast remove 3")
def remove_rule(rule: Number, as_json: AsJson = False) -> None:
    """Remove a rule."""
    from soar import blast

    with entry.working() as (_, work):
        row = blast.remove(work, rule, by=COMMAND_LINE)
    document = {"id": rule, **blast.shape(row)}
    say(as_json, {"removed": document}, f"rule {rule} removed: {_what(document)}")


def _what(rule: Mapping[str, Any]) -> str:
    what = f"{rule['pattern']} is protected" if rule["pattern"] else f"at most {rule['limit']}"
    on = f"{rule['action']} on {rule['asset']}"
    per = f", per {rule['per']}" if rule["per"] else ""
    return f"{what} ({on}{per})"


def _row(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("action", "asset", "pattern", "limit", "per", "note")
    return (rule["id"] or "built in", *(rule[name] for name in names))
