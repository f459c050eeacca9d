"""
``soar audit``: who decided or changed what, and the proof that nobody changed it since.

In: public keys. Out: entries; a verdict on the whole chain; the chain as lines for a third party.
Never: a change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from soar.cli import entry
from soar.cli.exits import FAILED
from soar.cli.screen import AsJson, output, plain, progress, show, table, write_json
from soar.domain.errors import BadInput

if TYPE_CHECKING:
    from soar.audit import Finding
    from soar.domain.chain import Link
    from soar.settings import Settings

app = typer.Typer(invoke_without_command=True)
COLUMNS = ("entry", "time (UTC)", "who", "what", "signed", "detail")


@app.callback(epilog="Examples:\n\nsoar audit\n\nsoar audit --limit 200 --json")
def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many entries.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries of the audit trail."""
    if context.invoked_subcommand:
        return
    with entry.working() as (_, work):
        found = work.trail.last(limit)
    cells = [
        [
            row["number"],
            row["time"],
            row["who"],
            row["what"],
            row["signed"],
            json.dumps(row["detail"]),
        ]
        for row in found
    ]
    show(as_json, found, table(COLUMNS, cells, empty="Nothing has been decided or changed yet."))


@app.command(
    "verify", epilog="Examples:\n\nsoar audit verify\n\nsoar audit verify --keys verify.pem"
)
def verify(
    keys: Annotated[
        Path | None, typer.Option(help="Public keys, instead of SOAR_VERIFY_KEY_FILE.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every entry, every signature, and every answer against the chain."""
    from soar import audit
    from soar.signing import load_verifier

    with entry.working() as (house, work):
        verifier = load_verifier(_key_file(keys, house.settings))
        with progress() as bar:
            task = bar.add_task("Entries", total=work.trail.count())
            found = audit.verify(
                work, verifier, seen=lambda number: bar.update(task, completed=number)
            )
    show(as_json, _shape(found), lambda console: _draw(console, found))
    if found.breach:
        raise typer.Exit(FAILED)


@app.command("export", epilog="Examples:\n\nsoar audit export > audit.jsonl")
def export(
    after: Annotated[int, typer.Option(min=0, help="Only entries behind this number.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print the chain for whoever checks it elsewhere: a JSON object a line, or one list."""
    with entry.working() as (_, work):
        lines = map(_line, work.trail.links(after))
        if as_json:
            write_json(list(lines))
            return
        for line in lines:
            typer.echo(json.dumps(line, ensure_ascii=False))


def _line(link: Link) -> dict[str, Any]:
    made = {"number": link.number, "entry": link.text, "hash": link.hash}
    return {**made, "signature": link.signature, "key": link.key_id}


def _key_file(given: Path | None, settings: Settings) -> Path:
    file = given or settings.verify_key_file
    if file is None:
        raise BadInput("--keys", "is missing, and SOAR_VERIFY_KEY_FILE is not set: name one")
    return file


def _shape(found: Finding) -> dict[str, Any]:
    breach = found.breach
    return {
        "whole": breach is None,
        "entries": found.entries,
        "signed": found.signed,
        "sealed_up_to": found.sealed,
        "head": found.head,
        "keys": list(found.keys),
        "breach": {"entry": breach.number, "why": breach.why} if breach else None,
    }


def _draw(console: Console, found: Finding) -> None:
    if found.breach:
        where = f"Entry {found.breach.number}: " if found.breach.number else ""
        console.print(plain(f"{where}{found.breach.why}"), style="bold red", soft_wrap=True)
        console.print(f"The {found.entries} entries before hold.")
        return
    output().print(
        f"{found.entries} entries hold, {found.signed} of them signed; the last signature seals"
        f" the first {found.sealed}.",
        soft_wrap=True,
    )
    output().print(f"Head: {found.head}", soft_wrap=True)
