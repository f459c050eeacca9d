"""
``soar token``: who may ask, and as whom.

In: names and roles. Out: a token, printed this one time. Never: a token in the store in clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from soar.cli import entry
from soar.cli.screen import AsJson, plain, progress_console, say, show
from soar.domain.errors import NotFound

if TYPE_CHECKING:
    from soar.store.work import Work

app = typer.Typer(no_args_is_help=True)
User = Annotated[str, typer.Argument(help="Name of the person or machine.")]
COMMAND_LINE = "command line"


@app.command(
    "create",
    epilog="Examples:\n\nsoar token create anna --role soc_tier2\n\n"
    "soar token create metrics --automation",
)
def create(
    user: User,
    role: Annotated[
        list[str] | None,
        typer.Option(help="A role of this person; repeat it for several. Without it: as before."),
    ] = None,
    automation: Annotated[
        bool | None,
        typer.Option("--automation/--person", help="A machine, which never may approve."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and show it this one time."""
    from soar import access

    with entry.working() as (_, work):
        roles, kind = _kept(work, user)
        roles = roles if role is None else role
        kind = kind if automation is None else ("automation" if automation else "normal")
        token = access.create_token(work, user, roles=roles, kind=kind)
        detail = {"user": user, "roles": roles, "kind": kind}
        work.audit(COMMAND_LINE, "token created", detail)

    def draw(console: Console) -> None:
        names = ", ".join(roles) or "no roles"
        progress_console().print(plain(f"Token of {user} ({names}); it is shown only now:"))
        console.print(token, soft_wrap=True)

    show(as_json, {**detail, "token": token}, draw)


@app.command("revoke")
def revoke(user: User, as_json: AsJson = False) -> None:
    """Remove every token of a person."""
    with entry.working() as (_, work):
        work.people.get(user)
        count = work.people.revoke(user)
        work.audit(COMMAND_LINE, "tokens revoked", {"user": user, "count": count})
    say(as_json, {"user": user, "revoked": count}, f"{count} tokens of {user} are revoked")


def _kept(work: Work, user: str) -> tuple[list[str], str]:
    """Return what a person was until now, so that a second token takes nothing away."""
    try:
        row = work.people.get(user)
    except NotFound:
        return [], "normal"
    return list(row["roles"]), str(row["kind"])
