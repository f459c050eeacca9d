"""
``soar role``: what people may do.

In: names and permissions, an operator's word. Out: roles in the store, and in the audit trail.
Never: a built-in role changed.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from soar.cli import entry
from soar.cli.screen import AsJson, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE

app = typer.Typer(no_args_is_help=True)
COLUMNS = ("id", "role", "built in", "people", "permits")
SHOWN = ("id", "name", "description", "immutable", "disabled", "permissions")
Name = Annotated[str, typer.Argument(help="Name of the role.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
ALLOW = 'A permission, like "edit assets"; * is all, as in "view *". Repeat it for several.'


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """List the roles that permit something; any other name is only one for approvals."""
    with entry.working() as (_, work):
        found = work.roles.all()
    documents = [entry.pick(row, *SHOWN, "people") for row in found]
    rows = [
        [
            row["id"],
            row["name"],
            "yes" if row["immutable"] else "no",
            row["people"],
            _in_short(row["permissions"]),
        ]
        for row in found
    ]
    show(as_json, documents, table(COLUMNS, rows, empty="There are no roles."))


@app.command("show", epilog="Examples:\n\nsoar role show 'Incident Commander'")
def shown(name: Name, as_json: AsJson = False) -> None:
    """Show one role: what it permits, and who has it."""
    from soar import roles

    with entry.working() as (_, work):
        row = roles.get(work, name)
        holders = work.roles.holders(name)
    document = {**entry.pick(row, *SHOWN), "people": holders}

    def draw(console: Console) -> None:
        for field in ("id", "name", "description"):
            console.print(f"{field:12} {plain(row[field])}", markup=False)
        state = "built in" if row["immutable"] else "disabled" if row["disabled"] else "active"
        console.print(f"{'state':12} {state}", markup=False)
        console.print(f"{'people':12} {plain(', '.join(holders)) or 'nobody'}", markup=False)
        table(("area", "view", "edit", "delete", "execute"), _grid(row), empty="")(console)

    show(as_json, document, draw)


@app.command(
    "add",
    epilog="Examples:\n\nsoar role add tier1 --allow 'view *' --allow 'edit containers'"
    " --description 'First line'\n\nsoar role add scraper --allow 'view assets'",
)
def add(
    name: Name,
    allow: Annotated[list[str] | None, typer.Option(help=ALLOW)] = None,
    description: Description = None,
    as_json: AsJson = False,
) -> None:
    """Make a role; who has its name already may do what it permits, at once."""
    from soar import roles
    from soar.domain.roles import read

    with entry.working() as (_, work):
        row = roles.add(
            work,
            name,
            description=description or "",
            permissions=read(allow or ()),
            by=COMMAND_LINE,
        )
        holders = work.roles.holders(name)
    document = {**entry.pick(row, *SHOWN), "people": holders}
    told = f"role {name} permits: {_in_short(row['permissions'])}"
    say(as_json, document, told + (f"; {', '.join(holders)} have it" if holders else ""))


@app.command(
    "edit",
    epilog="Examples:\n\nsoar role edit tier1 --allow 'execute playbooks'\n\n"
    "soar role edit tier1 --deny '* users_roles'\n\nsoar role edit tier1 --enable",
)
def edit(
    name: Name,
    allow: Annotated[list[str] | None, typer.Option(help=ALLOW)] = None,
    deny: Annotated[
        list[str] | None, typer.Option(help="A permission to take away, written alike.")
    ] = None,
    description: Description = None,
    enable: Annotated[
        bool, typer.Option("--enable", help="Let a disabled role permit again what it did.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change a role; who has it may do what it permits now, at once."""
    from soar import roles
    from soar.domain.roles import read

    with entry.working() as (_, work):
        before = frozenset(roles.get(work, name)["permissions"])
        row = roles.edit(
            work,
            name,
            description=description,
            permissions=(before | read(allow or ())) - read(deny or ()),
            disabled=False if enable else None,
            by=COMMAND_LINE,
        )
    document = entry.pick(row, *SHOWN)
    say(as_json, document, f"role {name} permits: {_in_short(row['permissions'])}")


@app.command("delete", epilog="Examples:\n\nsoar role delete tier1")
def delete(name: Name, as_json: AsJson = False) -> None:
    """Disable a role: it permits nothing; people keep its name, and approvals may go to it."""
    from soar import roles

    with entry.working() as (_, work):
        row = roles.disable(work, name, by=COMMAND_LINE)
        holders = work.roles.holders(name)
    document = {**entry.pick(row, *SHOWN), "people": holders}
    told = f"role {name} is disabled: it permits nothing"
    say(as_json, document, told + (f"; {', '.join(holders)} keep its name" if holders else ""))


def _in_short(permissions: list[str]) -> str:
    """Return permissions in words, those of all areas together."""
    from soar.domain.roles import AREAS, EVERYTHING, VERBS, permission

    if frozenset(permissions) == EVERYTHING:
        return "everything"
    told, left = list[str](), list(permissions)
    for verb in VERBS:
        every = [permission(verb, area) for area in AREAS]
        if set(every) <= set(left):
            told.append(f"{verb} *")
            left = [one for one in left if one not in every]
    return ", ".join([*told, *sorted(left)]) or "nothing"


def _grid(row: dict[str, Any]) -> list[list[str]]:
    from soar.domain.roles import AREAS, VERBS, permission

    has = frozenset(row["permissions"])
    return [
        [area, *("allow" if permission(verb, area) in has else "" for verb in VERBS)]
        for area in AREAS
    ]
