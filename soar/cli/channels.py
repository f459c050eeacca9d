"""
``soar channel``: the ways on which people hear of approvals, and under which addresses.

In: settings word by word; a secret is asked for without echo. Out: channels in the store.
Never: a secret on the screen or in the shell's history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import BadInput

app = typer.Typer(no_args_is_help=True)
COLUMNS = ("channel", "kind", "tells", "for", "planned", "failed", "state", "last error")
Name = Annotated[str, typer.Argument(help="Name of the channel.")]
User = Annotated[str, typer.Argument(help="Name of the person.")]


@app.command(
    "add",
    epilog="Examples:\n\n"
    "soar channel add mail --kind email host=smtp.example.com from=soar@example.com"
    " username=soar password=- --to soc_tier2=soc@example.com\n\n"
    "soar channel add chat --kind slack channel=C012AB3CD team=T012AB3CD bot_token=-"
    " signing_secret=-\n\n"
    "soar channel add tickets --kind webhook url=https://tickets.example.com/hook secret=new",
)
def add(
    name: Name,
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="Settings; KEY=- asks for the value, or takes a line of stdin."
            " secret=new makes one for a webhook.",
        ),
    ],
    kind: Annotated[str, typer.Option(metavar="email|slack|webhook", help="What it is.")],
    event: Annotated[
        list[str] | None,
        typer.Option(
            help="Tell of this only: opened, reminder, escalated, decided, expired, cancelled."
        ),
    ] = None,
    assignee: Annotated[
        list[str] | None,
        typer.Option("--for", help="Only what this role or person is asked; repeatable."),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=ADDRESS", help="E-mail: also write there when the role is asked."
        ),
    ] = None,
    tenant: Annotated[
        list[str] | None,
        typer.Option(help="Only what is asked about this tenant's containers; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a channel, or set the one of that name anew."""
    from soar.notify import directory

    settings, fresh = _settings(kind, values)
    with entry.working() as (house, work):
        row = directory.save(
            work,
            name,
            kind,
            settings,
            vault=house.vault(),
            by=COMMAND_LINE,
            events=event or (),
            assignees=assignee or (),
            to=to or (),
            tenants=tenant or (),
        )
        document = directory.document(row, {})
    said = f"channel {name} tells of {', '.join(row['events'])}"
    said += f"\nits secret, shown only now: {fresh}" if fresh else ""
    say(as_json, {**document, **({"secret": fresh} if fresh else {})}, said)


@app.command("list", epilog="Examples:\n\nsoar channel list --json")
def listed(as_json: AsJson = False) -> None:
    """List the channels, what waits on them and what has failed within a day."""
    from soar.notify import directory

    with entry.working() as (_, work):
        counts = work.channels.counts()
        documents = [directory.document(row, counts) for row in work.channels.all()]
    empty = "No channels: nobody is told of approvals. See `soar channel add`."
    show(as_json, documents, table(COLUMNS, map(_row, documents), empty=empty))


@app.command(
    "test",
    epilog="Examples:\n\nsoar channel test chat\n\nsoar channel test mail --to ada@b.example",
)
def try_channel(
    name: Name,
    to: Annotated[str, typer.Option(help="E-mail: the address to write to.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send a test message, to see that the channel works."""
    from soar.notify import courier

    with entry.working() as (house, work):
        row = work.channels.get(name)
        message = courier.probe(row, house.vault(), to=to)
        work.channels.worked(row["id"])
    say(as_json, {"channel": name, "ok": True, "message": message}, message)


@app.command("remove", epilog="Examples:\n\nsoar channel remove chat")
def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove a channel and its secrets; what it has not told yet is never told."""
    from soar.notify import directory

    with entry.working() as (_, work):
        directory.remove(work, name, by=COMMAND_LINE)
    say(as_json, {"removed": name}, f"channel {name} is removed")


@app.command(
    "link", epilog="Examples:\n\nsoar channel link ada --slack U012AB3CD --email ada@example.com"
)
def link(
    user: User,
    slack: Annotated[
        str, typer.Option(help="Member id in Slack, like U012AB3CD or T01/U012AB3CD.")
    ] = "",
    email: Annotated[str, typer.Option(help="Where to write to them.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say under which addresses a person is known."""
    from soar.notify import directory

    with entry.working() as (_, work):
        found = directory.link(work, user, by=COMMAND_LINE, email=email, slack=slack)
    known = ", ".join(f"{kind} {address}" for kind, address in found.items())
    say(as_json, {"user": user, **found}, f"{user} is known as {known}")


@app.command("unlink", epilog="Examples:\n\nsoar channel unlink ada")
def unlink(user: User, as_json: AsJson = False) -> None:
    """Forget the addresses of a person: buttons pressed from there decide nothing any more."""
    from soar.notify import directory

    with entry.working() as (_, work):
        count = directory.unlink(work, user, by=COMMAND_LINE)
    say(as_json, {"user": user, "unlinked": count}, f"{count} addresses of {user} are forgotten")


@app.command("people", epilog="Examples:\n\nsoar channel people --json")
def people(as_json: AsJson = False) -> None:
    """List who is known under which address."""
    with entry.working() as (_, work):
        found = work.channels.addresses()
    rows = [[row["username"], row["kind"], row["address"]] for row in found]
    show(as_json, found, table(("user", "kind", "address"), rows, empty="Nobody is linked."))


def _settings(kind: str, values: Sequence[str]) -> tuple[dict[str, str], str]:
    """Read KEY=VALUE words; a secret must not stand among them. Also: the secret that was made."""
    from soar.notify import kinds, signatures

    secrets, fresh, found = kinds.kind_of(kind).secrets, "", {}
    for text in values:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise BadInput("values", "each must be KEY=VALUE (KEY=- asks for the value)")
        if (kind, name, value) == ("webhook", "secret", "new"):
            value = fresh = signatures.new_webhook_secret()
        elif value == "-":
            value = entry.read_secret(name)
        elif name in secrets and value:
            raise BadInput(name, f"is a secret: write {name}=- and give it when you are asked")
        found[name] = value
    return found, fresh


def _row(document: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        document["name"],
        document["kind"],
        ", ".join(document["events"]),
        ", ".join(document["for"]) or "everybody",
        document["planned"],
        document["failed"],
        _state(document),
        plain(document["last_error"]),
    )


def _state(document: Mapping[str, Any]) -> str:
    """Say whether a channel is left alone for a while, because it failed too often in a row."""
    until, failures = document["closed_until"], document["failures"]
    return f"closed until {until} ({failures} failures)" if until else "open"
