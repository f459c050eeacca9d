"""
``soar token``: who may ask, and as whom.

In: names and roles. Out: a token, printed this one time. Never: a token in the store in clear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from soar.cli import entry, unheard
from soar.cli.screen import AsJson, plain, progress_console, say, show, table
from soar.domain.errors import NotFound

if TYPE_CHECKING:
    from soar.store.work import Work

app = typer.Typer(no_args_is_help=True)
User = Annotated[str, typer.Argument(help="Name of the person or machine.")]
COMMAND_LINE = "command line"


@app.command(
    "create",
    epilog="Examples:\n\nsoar token create anna --role soc_tier2\n\n"
    "soar token create metrics --automation --role Observer --expires 52w --allow-ip 10.1.0.0/16",
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
    expires: Annotated[
        str, typer.Option(metavar="SPAN", help="For how long it counts: 12h, 90d, 52w.")
    ] = "",
    allow_ip: Annotated[
        list[str] | None,
        typer.Option(help="The only address or network to use it from; repeat it for several."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and show it this one time."""
    from soar import access

    with entry.working() as (house, work):
        roles, kind = _kept(work, user)
        roles = roles if role is None else role
        unheard.note(house, work, user, roles)
        kind = kind if automation is None else ("automation" if automation else "normal")
        lasts = access.lifetime(expires) if expires else None
        allowed = access.networks(allow_ip or ())
        token = access.create_token(
            work, user, roles=roles, kind=kind, lasts=lasts, allowed_ips=allowed
        )
        detail = {
            "user": user,
            "roles": roles,
            "kind": kind,
            "expires": expires,
            "allowed_ips": allowed,
        }
        work.audit(COMMAND_LINE, "token created", detail)

    def draw(console: Console) -> None:
        names = ", ".join(roles) or "no roles"
        progress_console().print(plain(f"Token of {user} ({names}); it is shown only now:"))
        console.print(token, soft_wrap=True)

    show(as_json, {**detail, "token": token}, draw)


@app.command("list", epilog="Examples:\n\nsoar token list --json")
def listed(as_json: AsJson = False) -> None:
    """List all tokens: whose they are, until when and from where they count."""
    with entry.working() as (_, work):
        found = work.people.tokens()
    rows = [
        [
            row["id"],
            row["username"],
            ", ".join(row["roles"]),
            row["create_time"],
            "expired" if row["expired"] else row["expires_at"] or "never",
            ", ".join(row["allowed_ips"]) or "anywhere",
        ]
        for row in found
    ]
    columns = ("id", "user", "roles", "since (UTC)", "expires (UTC)", "from")
    show(as_json, found, table(columns, rows, empty="There are no tokens."))


@app.command(
    "revoke", epilog="Examples:\n\nsoar token revoke anna\n\nsoar token revoke anna --id 7"
)
def revoke(
    user: User,
    only: Annotated[
        int | None, typer.Option("--id", min=1, help="Only this one; see `soar token list`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove every token of a person, or one."""
    with entry.working() as (_, work):
        work.people.get(user)
        count = work.people.revoke(user, only=only)
        if only and not count:
            raise NotFound(f"{user} has no token {only}: see `soar token list`")
        work.audit(COMMAND_LINE, "tokens revoked", {"user": user, "count": count})
    say(as_json, {"user": user, "revoked": count}, f"{count} tokens of {user} are revoked")


def _kept(work: Work, user: str) -> tuple[list[str], str]:
    """Return what a person was until now, so that a second token takes nothing away."""
    try:
        row = work.people.get(user)
    except NotFound:
        return [], "normal"
    return list(row["roles"]), str(row["kind"])
