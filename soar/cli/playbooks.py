"""
``soar playbook`` and ``soar trigger``: what runs, and when.

In: playbook files and trigger files. Out: versions and triggers in the store, queued runs.
Never: playbook code run here; the engine does that.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from soar.cli import bringing, candidates, entry, workbench
from soar.cli.screen import AsJson, plain, say, show, table
from soar.domain.errors import BadInput, NotFound

if TYPE_CHECKING:
    from soar.domain.model import Trigger

app = typer.Typer(no_args_is_help=True)
triggers_app = typer.Typer(no_args_is_help=True)
bringing.register(app)
candidates.register(app)
workbench.register(app)
Name = Annotated[str, typer.Argument(help="Name of the playbook.")]
SHOWN = ("id", "name", "title", "version", "manual_minutes", "sha256", "created_at")


@app.command("list")
def list_playbooks(as_json: AsJson = False) -> None:
    """List the newest version of every playbook."""
    with entry.working() as (_, work):
        documents = [entry.pick(row, *SHOWN, "candidate_id") for row in work.playbooks.all()]
    rows = [
        (
            d["name"],
            d["title"],
            d["version"],
            d["manual_minutes"] or "",
            "yes" if d["candidate_id"] else "",
        )
        for d in documents
    ]
    columns = ("playbook", "title", "version", "manual minutes", "candidate")
    empty = "No playbooks: register the product's own with `soar playbook import --built-in`."
    show(as_json, documents, table(columns, rows, empty=empty))


@app.command("show")
def show_playbook(name: Name, as_json: AsJson = False) -> None:
    """Show a playbook's newest version and its source."""
    with entry.working() as (_, work):
        row = work.playbooks.newest(name)
        source = work.playbooks.source(row["id"])
    document = {**entry.pick(row, *SHOWN, "details"), "source": source}

    def draw(console: Console) -> None:
        console.print(plain(f"{row['title'] or name}, version {row['version']}"), style="bold")
        console.print(plain(source), soft_wrap=True)

    show(as_json, document, draw)


@app.command("run", epilog="Examples:\n\nsoar playbook run phishing_triage --container 12")
def run_playbook(
    name: Name,
    container: Annotated[int, typer.Option(min=1, help="Id of the container to run it on.")],
    token_file: Annotated[
        Path | None, typer.Option(help="File with your token, to be named as who started it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Queue a run of a playbook on a container."""
    from soar.engine.queueing import queue_run

    with entry.working() as (house, work):
        by = _starter(work, house.settings, token_file)
        work.containers.get(container)
        playbook = work.playbooks.newest(name)
        run_id = queue_run(work, container_id=container, playbook=playbook, started_by=by)
    document = {"run": run_id, "container": container, "playbook": playbook["name"]}
    say(as_json, document, f"Run {run_id} is queued: see `soar run show {run_id}`")


def _starter(work: Any, found: Any, token_file: Path | None) -> str:
    """Return who starts a run: the person of the token, where one is given."""
    if token_file is None and not found.token.get_secret_value():
        return "command line"
    from soar import roles

    person = entry.person(work, found, token_file)
    roles.require(work, person, "playbooks", "execute")
    return person.username


@triggers_app.command("list")
def list_triggers(as_json: AsJson = False) -> None:
    """List which new containers start which playbooks."""
    with entry.working() as (_, work):
        found = work.assets.triggers()
    rows = [
        (t.name, t.playbook, _any(t.labels), _any(t.severities), "yes" if t.active else "no")
        for t in found
    ]
    columns = ("trigger", "playbook", "labels", "severities", "active")
    empty = "No triggers: add one with `soar trigger add`."
    show(as_json, [_form(t) for t in found], table(columns, rows, empty=empty))


@triggers_app.command("add", epilog="Examples:\n\nsoar trigger add trigger.json")
def add_triggers(
    file: Annotated[str, typer.Argument(help="JSON file with one trigger or a list; - is stdin.")],
    as_json: AsJson = False,
) -> None:
    """Add the triggers of a file, or replace those of the same name: all of them or none."""
    from soar import triggers

    names = []
    with entry.working() as (_, work):
        for place, raw in entry.read_objects(file):
            try:
                trigger = triggers.parse(raw)
                triggers.save(work, trigger)
            except BadInput as error:
                raise entry.at(place, error) from None
            names.append(trigger.name)
    say(as_json, {"saved": names}, f"Saved: {', '.join(names)}")


@triggers_app.command("delete")
def delete_trigger(
    name: Annotated[str, typer.Argument(help="Name of the trigger.")], as_json: AsJson = False
) -> None:
    """Remove a trigger."""
    with entry.working() as (_, work):
        if not work.assets.delete_trigger(name):
            raise NotFound(f"there is no trigger {name!r}: see `soar trigger list`")
    say(as_json, {"deleted": name}, f"{name} is deleted")


def _any(values: Iterable[str]) -> str:
    return ", ".join(values) or "any"


def _form(trigger: Trigger) -> dict[str, Any]:
    """Return a trigger in the form of its file."""
    conditions = {"label": list(trigger.labels), "severity": list(trigger.severities)}
    return {
        "name": trigger.name,
        "playbook_name": trigger.playbook,
        "trigger": {"type": "event_created", "conditions": conditions},
        "active": trigger.active,
        "run_as": trigger.run_as,
    }
