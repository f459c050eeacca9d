"""
``soar playbook debug``, ``record``, ``replay``: the workbench of who writes playbooks.

In: playbooks, containers, runs, files. Out: what blocks do, recordings, what would differ.
Never: playbook code in this process, which holds keys: it runs in one of its own, with none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli import blocks, entry
from soar.cli.exits import FAILED
from soar.cli.screen import AsJson, error_line, say, show, write_json
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import BadInput

if TYPE_CHECKING:
    from soar.store.work import Work

Document = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Put these commands into the group of playbooks."""
    app.command(
        "debug",
        epilog="Examples:\n\nsoar playbook debug phishing_triage --container 12\n\n"
        "soar playbook debug --file edited.py --alert alert.json --transcript answers.json\n\n"
        "soar playbook debug --run 12 --answer 'ask_1=Isolate Host'",
    )(debug)
    app.command(
        "record",
        epilog="Examples:\n\nsoar playbook record 12 --out phishing-12.json\n\n"
        "soar playbook record 12 --whole",
    )(record)
    app.command(
        "replay",
        epilog="Examples:\n\nsoar playbook replay 12 --with edited.py\n\n"
        "soar playbook replay phishing-12.json --with playbooks/phishing.py --json",
    )(replay)


def debug(
    name: Annotated[str, typer.Argument(help="Name of a playbook of this system.")] = "",
    file: Annotated[str, typer.Option(help="File with the playbook, in place of a name.")] = "",
    container: Annotated[
        int, typer.Option(min=0, help="Id of the container to play it on.", show_default=False)
    ] = 0,
    alert: Annotated[
        str, typer.Option(help="JSON file of an alert, in place of a container.")
    ] = "",
    run: Annotated[
        int,
        typer.Option(min=0, help="Run whose recorded results are the answers.", show_default=False),
    ] = 0,
    transcript: Annotated[str, typer.Option(help="JSON file of answers by action.")] = "",
    answer: Annotated[
        list[str] | None, typer.Option(help="NAME=CHOICE: what is chosen in a prompt.")
    ] = None,
    inputs: Annotated[str, typer.Option(help="JSON file of the playbook's inputs.")] = "",
    rows: Annotated[int, typer.Option(min=1, max=1000, help="Rows shown of a datapath.")] = 5,
    seed: Annotated[int, typer.Option(help="What is made up follows from it.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Play a playbook with nothing done, and show each block; exit code 1 where one failed."""
    from soar.testing import room

    _one_of(name=name, file=file, run=run)
    if [bool(container), bool(alert), bool(run)].count(True) != 1:
        raise BadInput("container", "give one of --container, --alert, --run: what it is played on")
    request: Document = {
        "rows": rows,
        "seed": seed,
        "transcript": _transcript(transcript),
        "choices": dict(map(_choice, answer or ())),
        "inputs": _object(inputs, "inputs") if inputs else None,
    }
    if file:
        request |= {"playbook": Path(file).stem, "source": entry.read_text(file)}
    if alert:
        request["container"] = _alert(alert)
    request |= _known(request, name=name, container=container, run=run)
    found = room.ask("debug", request)
    show(as_json, found, lambda console: blocks.draw(console, found))
    if found["errors"] or found["stopped"]:
        raise typer.Exit(FAILED)


def record(
    run: Annotated[int, typer.Argument(min=1, help="Id of a run that has begun.")],
    out: Annotated[str, typer.Option(help="File to write; else it goes to standard output.")] = "",
    whole: Annotated[
        bool, typer.Option("--whole", help="Keep secrets and names as they are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write what a run began with, was told and asked for: one JSON document, with pseudonyms."""
    from soar.testing import room

    with entry.working() as (house, work):
        document, source = _recording(work, house, run, whole=whole)
        work.audit(COMMAND_LINE, "run recorded", {"run": run, "whole": whole})
    found = room.ask("complete", {"recording": document, "source": source})
    for sentence in found["unlike"]:
        error_line(f"{sentence}: a replay of this recording is no proof", prefix="note: ")
    if not out:
        write_json(found)
        return
    _write(out, found)
    told = {"run": run, "file": out, "blocks": len(found["blocks"]), "unlike": found["unlike"]}
    say(as_json, told, f"Run {run} is recorded in {out}: {told['blocks']} blocks")


def replay(
    recorded: Annotated[
        str, typer.Argument(metavar="RUN|FILE", help="Id of a run, or a recording; - is stdin.")
    ],
    edited: Annotated[str, typer.Option("--with", help="File with the edited playbook.")],
    transcript: Annotated[
        str, typer.Option(help="JSON file of answers by action, for what was never recorded.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Play an edited playbook against a recorded run; exit code 0: the same, 1: it differs."""
    from soar.testing import room

    request: Document = {"source": entry.read_text(edited), "transcript": _transcript(transcript)}
    if recorded.isascii() and recorded.isdigit():
        with entry.working() as (house, work):
            from soar import recorder

            request["recording"], request["then"] = _recording(
                work, house, int(recorded), whole=True
            )
            request["functions"] = recorder.programs(work, request["source"])[1]
    else:
        request["recording"] = entry.read_json(recorded)
    found = room.ask("replay", request)
    show(as_json, found, lambda console: blocks.draw_difference(console, found))
    if not found["same"]:
        raise typer.Exit(FAILED)


def _one_of(*, name: str, file: str, run: int) -> None:
    if name and file:
        raise BadInput("file", "is given with a name: give one of them")
    if not (name or file or run):
        raise BadInput("name", "is missing: name a playbook, or give --file or --run")


def _recording(work: Work, house: Any, run: int, *, whole: bool) -> tuple[Document, str]:
    from soar import recorder

    url = house.settings.public_url
    return recorder.record(work, run, house.catalog, base_url=url, whole=whole)


def _known(request: Document, *, name: str, container: int, run: int) -> Document:
    """Return what the database knows of a request; a file on an alert needs none."""
    offline = not entry.settings().database_url.get_secret_value()
    if offline and not (name or container or run):
        return {}
    from soar import recorder

    with entry.working() as (house, work):
        found: Document = {}
        if run:
            found["recording"], source = _recording(work, house, run, whole=True)
            found |= {"source": source, "playbook": found["recording"]["run"]["playbook"]}
            found |= {"recording": {**found["recording"], "blocks": [], "end": {}}}
        if name:
            row = work.playbooks.newest(name)
            found |= {"playbook": row["name"], "source": work.playbooks.source(row["id"])}
        found |= {k: request[k] for k in ("playbook", "source") if k in request}
        found["playbooks"], found["functions"] = recorder.programs(work, found["source"])
        if container:
            every = "\n".join((found["source"], *found["playbooks"].values()))
            found["container"] = recorder.shape_of(work, container)
            found["laid"] = recorder.laid(work, container, found["playbook"], every)
        return {**found, "assets": recorder.assets(work)}


def _transcript(source: str) -> Document | None:
    if not source:
        return None
    found = _object(source, "transcript")
    if not all(isinstance(answer, Mapping) for answer in found.values()):
        raise BadInput("transcript", 'must hold answers by action: {"ip reputation": {"data": []}}')
    return found


def _object(source: str, name: str) -> Document:
    found = entry.read_json(source)
    if not isinstance(found, Mapping):
        raise BadInput(name, f"{source} must hold an object, not {type(found).__name__}")
    return dict(found)


def _choice(text: str) -> tuple[str, str]:
    name, divider, choice = text.partition("=")
    if not divider or not name:
        raise BadInput("answer", f"{text!r} is not NAME=CHOICE")
    return name.strip(), choice.strip()


def _alert(file: str) -> Document:
    """Return an alert of a file as the container that ingest would make of it."""
    from soar.ingest.accept import check
    from soar.testing.stage import alert

    raw = entry.read_json(file)
    label = raw.get("label") if isinstance(raw, Mapping) else None
    new = check(raw, labels=[label] if isinstance(label, str) else ["events"])
    shape = alert(
        *(artifact.cef for artifact in new.artifacts),
        **{name: getattr(new, name) for name in _FIELDS},
        tags=list(new.tags),
        data=dict(new.data),
    )
    for known, artifact in zip(shape["artifacts"], new.artifacts, strict=True):
        known |= {name: getattr(artifact, name) for name in _OF_ARTIFACTS}
        known["tags"] = list(artifact.tags)
    return shape


_FIELDS: Iterable[str] = ("name", "label", "severity", "description", "asset", "source_id")
_OF_ARTIFACTS: Iterable[str] = ("name", "label", "severity", "type")


def _write(file: str, document: Document) -> None:
    """Write a recording for its owner's eyes only."""
    import json

    path = Path(file)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
