"""
``soar user`` and ``soar init``: who signs in, and with what.

In: names, roles and identities, an operator's word. Out: people; a one-time password or the address
of somebody's codes, printed this one time. Never: a password in the words of a command.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from soar.cli import entry, unheard
from soar.cli.screen import AsJson, plain, progress_console, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import BadInput, NotFound

app = typer.Typer(no_args_is_help=True)
codes_app = typer.Typer(no_args_is_help=True)
app.add_typer(codes_app, name="totp", help="Codes of an authenticator app.")
User = Annotated[str, typer.Argument(help="Name of the person.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; repeat it for several.")]
Issuer = Annotated[
    str, typer.Option(help="The provider's issuer; without it, the one of SOAR_OIDC_ISSUER.")
]
COLUMNS = ("user", "roles", "kind", "may sign in", "password", "codes", "provider")


@app.command("add", epilog="Examples:\n\nsoar user add anna --role analyst --role soc_tier2")
def add(user: User, role: Roles = None, as_json: AsJson = False) -> None:
    """Make a person, and show the one-time password with which they set their own."""
    from soar import users

    with entry.working() as (house, work):
        unheard.note(house, work, user, role or ())
        password = users.add(work, user, roles=role or (), by=COMMAND_LINE)
    _show_password(as_json, user, password)


@app.command("list", epilog="Examples:\n\nsoar user list --json")
def listed(as_json: AsJson = False) -> None:
    """List everybody: their roles, and what they sign in with."""
    with entry.working() as (_, work):
        linked = work.identities.linked()
        found = [
            {**_shape(row), "linked": row["person_id"] in linked} for row in work.credentials.all()
        ]
    rows = [
        [
            person["username"],
            ", ".join(person["roles"]),
            person["kind"],
            "yes" if _may_sign_in(person) else "no",
            person["password"],
            "yes" if person["codes"] else "no",
            "linked" if person["linked"] else "",
        ]
        for person in found
    ]
    show(as_json, found, table(COLUMNS, rows, empty="There is nobody."))


@app.command("show", epilog="Examples:\n\nsoar user show anna")
def shown(user: User, as_json: AsJson = False) -> None:
    """Show one person, who they are at a provider, and where they are signed in."""
    with entry.working() as (_, work):
        row = work.credentials.of(user)
        if row is None:
            raise NotFound(f"there is no person {user!r}: see `soar user list`")
        sessions = work.sessions.of(row["person_id"])
        identities = work.identities.all_of(row["person_id"])
    document = {**_shape(row), "identities": identities, "sessions": sessions}

    def draw(console: Console) -> None:
        for name, value in _shape(row).items():
            console.print(f"{name:16} {plain(value)}", markup=False)
        for one in identities:
            roles = ", ".join(one["provided"]) or "none"
            text = f"{one['subject']} at {one['issuer']} (roles by groups: {roles})"
            console.print(f"{'identity':16} {plain(text)}", markup=False)
        rows = [[s["address"], s["create_time"], s["seen_at"], s["ends_at"]] for s in sessions]
        columns = ("signed in from", "since (UTC)", "last seen (UTC)", "ends (UTC)")
        table(columns, rows, empty="Signed in nowhere.")(console)

    show(as_json, document, draw)


@app.command(
    "password",
    epilog="Examples:\n\nsoar user password anna\n\nsoar user password anna --one-time",
)
def password(
    user: User,
    one_time: Annotated[
        bool,
        typer.Option("--one-time", help="Make one that can only be used to set another one."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set somebody's password, asked for without echo or read from standard input."""
    from soar import users

    with entry.working() as (_, work):
        work.people.get(user)
        if one_time:
            made = users.one_time_password(work, user, by=COMMAND_LINE)
        else:
            users.set_password(work, user, _asked(), by=COMMAND_LINE)
    if one_time:
        _show_password(as_json, user, made)
    else:
        say(as_json, {"user": user}, f"The password of {user} is set; their sessions have ended")


@app.command("roles", epilog="Examples:\n\nsoar user roles anna --role analyst --role soc_tier3")
def roles(user: User, role: Roles = None, as_json: AsJson = False) -> None:
    """Give somebody exactly these roles; without any, none."""
    from soar import users

    with entry.working() as (house, work):
        unheard.note(house, work, user, role or ())
        given = users.set_roles(work, user, roles=role or (), by=COMMAND_LINE)
    names = ", ".join(given) or "no roles"
    say(as_json, {"user": user, "roles": given}, f"{user} has {names}")


@app.command("disable", epilog="Examples:\n\nsoar user disable anna")
def disable(user: User, as_json: AsJson = False) -> None:
    """Keep somebody out: their sessions end, their tokens count no more."""
    _set_active(user, False, as_json)


@app.command("enable", epilog="Examples:\n\nsoar user enable anna")
def enable(user: User, as_json: AsJson = False) -> None:
    """Let somebody in again."""
    _set_active(user, True, as_json)


@app.command(
    "link",
    epilog="Examples:\n\nsoar user link anna --subject 00u1a2b3\n\n"
    "soar user link anna --issuer https://login.example.com/realms/soc --subject 00u1a2b3",
)
def link(
    user: User,
    subject: Annotated[str, typer.Option(help="Who they are there: the claim sub.")],
    issuer: Issuer = "",
    as_json: AsJson = False,
) -> None:
    """Say who somebody is at a provider: from then on they sign in through it."""
    from soar import federation

    with entry.working() as (house, work):
        where = _issuer(issuer, house.settings.oidc_issuer)
        federation.link(work, user, issuer=where, subject=subject, by=COMMAND_LINE)
    document = {"user": user, "issuer": where, "subject": subject}
    say(as_json, document, f"{user} is {subject} at {where}")


@app.command("unlink", epilog="Examples:\n\nsoar user unlink anna")
def unlink(user: User, issuer: Issuer = "", as_json: AsJson = False) -> None:
    """Forget who somebody is at a provider, and the roles of their groups; their sessions end."""
    from soar import federation

    with entry.working() as (house, work):
        where = _issuer(issuer, house.settings.oidc_issuer)
        ended = federation.unlink(work, user, issuer=where, by=COMMAND_LINE)
    document = {"user": user, "issuer": where, "sessions_ended": ended}
    say(as_json, document, f"{user} is nobody at {where} any more; {ended} sessions ended")


@codes_app.command("enrol", epilog="Examples:\n\nsoar user totp enrol anna")
def enrol(user: User, as_json: AsJson = False) -> None:
    """Ask somebody for codes from now on, and show the address that their app reads."""
    from soar import users

    with entry.working() as (house, work):
        address = users.enrol(work, user, vault=house.vault(), by=COMMAND_LINE)

    def draw(console: Console) -> None:
        text = f"For the authenticator app of {user}, and for nobody else; it is shown only now:"
        progress_console().print(plain(text))
        console.print(address, soft_wrap=True, markup=False)

    show(as_json, {"user": user, "otpauth": address}, draw)


@codes_app.command("remove", epilog="Examples:\n\nsoar user totp remove anna")
def remove(user: User, as_json: AsJson = False) -> None:
    """Ask somebody for no codes any more, as after a lost phone; their sessions end."""
    from soar import users

    with entry.working() as (_, work):
        users.remove_codes(work, user, by=COMMAND_LINE)
    say(as_json, {"user": user}, f"{user} signs in without a code")


def init(as_json: AsJson = False) -> None:
    """Make the first administrator, and show a one-time password; once anybody has one, nothing."""
    from soar import users

    with entry.working() as (_, work):
        password = users.first(work, by=COMMAND_LINE)
    if password is None:
        document = {"user": None, "one_time_password": None}
        say(as_json, document, "Somebody has a password already: nothing was made")
        return
    _show_password(as_json, users.FIRST, password)


def _set_active(user: str, active: bool, as_json: bool) -> None:
    from soar import users

    with entry.working() as (_, work):
        ended = users.set_active(work, user, active=active, by=COMMAND_LINE)
    told = f"{user} may sign in" if active else f"{user} is kept out; {ended} sessions ended"
    say(as_json, {"user": user, "active": active, "sessions_ended": ended}, told)


def _issuer(given: str, configured: str) -> str:
    """Return the issuer that is meant."""
    if not (given or configured):
        raise BadInput("issuer", "is missing: give --issuer, or set SOAR_OIDC_ISSUER")
    return given or configured


def _asked() -> str:
    """Ask for a password, on a terminal twice."""
    given = entry.read_secret("password")
    if entry.interactive() and given != entry.read_secret("once more"):
        raise BadInput("password", "was typed in two different ways")
    return given


def _show_password(as_json: bool, user: str, password: str) -> None:
    def draw(console: Console) -> None:
        text = f"One-time password of {user}, good for 7 days; it is shown only now:"
        progress_console().print(plain(text))
        console.print(password, markup=False)

    show(as_json, {"user": user, "one_time_password": password}, draw)


def _may_sign_in(person: dict[str, Any]) -> bool:
    """Tell whether somebody has a password that counts, or is known to a provider."""
    proves = person["password"] not in ("none", "expired") or person["linked"]
    return bool(person["active"] and person["kind"] != "automation" and proves)


def _shape(row: dict[str, Any]) -> dict[str, Any]:
    state = "none" if not row["password_hash"] else "one-time" if row["one_time"] else "set"
    return {
        **entry.pick(row, "username", "roles", "kind", "active", "tenants"),
        "password": "expired" if row["expired"] else state,
        "password_set_at": row["password_set_at"],
        "codes": bool(row["totp"]),
    }
