"""
``soar playbook import``, ``check``, ``activate``, ``deactivate``, ``functions``: from elsewhere.

In: playbook files, folders, archives, git repositories. Out: versions in the store; findings.
Never: playbook code run here, or a trigger because something was imported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from soar.cli import entry
from soar.cli.exits import FAILED
from soar.cli.screen import AsJson, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import BadInput

if TYPE_CHECKING:
    from soar.check.findings import Finding, Known

Name = Annotated[str, typer.Argument(help="Name of the playbook.")]
Sources = Annotated[
    list[str] | None,
    typer.Argument(help="Files (.py), folders, archives (.tgz), or URLs of git repositories."),
]
Branch = Annotated[str, typer.Option(help="Branch of a git repository.")]
STYLES = {"error": "red", "warning": "yellow", "info": "cyan"}


def register(app: typer.Typer) -> None:
    """Put these commands into the group of playbooks."""
    app.command(
        "import",
        epilog="Examples:\n\nsoar playbook import playbooks/phishing.py\n\n"
        "soar playbook import exported.tgz\n\n"
        "soar playbook import https://github.com/phantomcyber/playbooks --branch 6.3"
        " --repo community\n\nsoar playbook import --built-in",
    )(import_playbooks)
    app.command("check", epilog="Examples:\n\nsoar playbook check playbooks/phishing.py")(check)
    app.command("activate", epilog="Examples:\n\nsoar playbook activate phishing")(activate)
    app.command("deactivate", epilog="Examples:\n\nsoar playbook deactivate phishing")(deactivate)
    app.command("functions")(list_functions)


def import_playbooks(
    sources: Sources = None,
    built_in: Annotated[
        bool, typer.Option("--built-in", help="Register the product's own playbooks.")
    ] = False,
    author: Annotated[
        str, typer.Option(help="Who wrote them: a policy may keep authors from approving.")
    ] = "",
    repo: Annotated[
        str, typer.Option(help="The repository by which playbooks name custom functions.")
    ] = "local",
    branch: Branch = "",
    as_json: AsJson = False,
) -> None:
    """Register playbooks and custom functions; the same text again changes nothing."""
    from soar import bringing, bundle, library

    if not sources and not built_in:
        raise BadInput("sources", "name at least one file, folder or repository, or --built-in")
    ours = library.built_in() if built_in else ()
    bundles = [bundle.collect(source, branch=branch) for source in sources or ()]
    brought = [bringing.read(one, repo="" if repo == "local" else repo) for one in bundles]
    for one, found in zip(bundles, brought, strict=True):
        if found.refused and len(one.files) <= 2:
            raise BadInput("playbook", next(iter(found.refused.values())))
    documents: list[dict[str, Any]] = []
    with entry.working() as (_, work):
        for file in ours:
            number, new = library.save(work, file, author=author)
            documents.append({"kind": "playbook", "name": file.name, "id": number, "new": new})
        for found in brought:
            documents += bringing.keep(work, found, repo=repo, author=author, by=COMMAND_LINE)
    for found in brought:
        documents += _left_out(found.refused)
    _show_imported(documents, as_json)


def _left_out(refused: dict[str, str]) -> list[dict[str, Any]]:
    """Return what an import could not keep, with the reason."""
    none = {"id": None, "new": False}
    return [{"kind": "file", "name": path, **none, "refused": why} for path, why in refused.items()]


def _show_imported(documents: list[dict[str, Any]], as_json: bool) -> None:
    rows = [
        (
            d["kind"],
            d["name"],
            d["id"] or "",
            d.get("refused") or ("new version" if d["new"] else "unchanged"),
        )
        for d in documents
    ]
    columns = ("", "name", "id", "")
    show(as_json, documents, table(columns, rows, empty="There is no playbook in it."))
    if any(d["kind"] == "file" for d in documents):
        raise typer.Exit(FAILED)


def check(
    sources: Sources,
    branch: Branch = "",
    level: Annotated[
        str, typer.Option(help="Show only findings of this level and above it.")
    ] = "info",
    as_json: AsJson = False,
) -> None:
    """Look playbooks over before they are imported; exit code 1 where one has an error."""
    from soar import bringing, bundle
    from soar.check.findings import ERROR, LEVELS
    from soar.check.review import review_all

    if level not in LEVELS:
        raise BadInput("level", f"{level!r} is none of {', '.join(LEVELS)}")
    compared = _known()
    found: list[Finding] = []
    for source in sources or ():
        one = bundle.collect(source, branch=branch)
        found += review_all(one, bringing.read(one), compared)
    shown = [f for f in found if LEVELS.index(f.level) <= LEVELS.index(level)]
    counts = Counter(f.level for f in found)
    document = {
        "findings": [asdict(f) for f in shown],
        **{name: counts[name] for name in LEVELS},
        "assets_known": compared.assets is not None,
    }
    show(as_json, document, lambda console: _draw(console, shown, document))
    if counts[ERROR]:
        raise typer.Exit(FAILED)


def _known() -> Known:
    """Return what this system knows; without a database that is only its catalog."""
    from soar import catalog
    from soar.check import review

    found = catalog.load()
    if not entry.settings().database_url.get_secret_value():
        return review.known(found)
    with entry.working() as (_, work):
        return review.known(
            found,
            assets=work.assets.slugs(),
            playbooks=[row["name"] for row in work.playbooks.all()],
            functions=[row["name"] for row in work.functions.all()],
        )


def _draw(console: Console, found: Sequence[Finding], document: dict[str, Any]) -> None:
    for finding in found:
        place = Text(f"{plain(finding.file)}:{finding.line}: ")
        level = Text(finding.level, style=STYLES[finding.level])
        console.print(place + level + Text(f": {plain(finding.sentence)}"), soft_wrap=True)
    counts = [f"{document[name]} {name}" for name in STYLES]
    note = "" if document["assets_known"] else "; assets are not known here: no database is set"
    console.print(plain(f"{', '.join(counts)}{note}"), style="bold", soft_wrap=True)


def activate(name: Name, as_json: AsJson = False) -> None:
    """Let new containers with the labels that a playbook operates on start it."""
    from soar import bringing

    with entry.working() as (_, work):
        trigger = bringing.activate(work, name, by=COMMAND_LINE)
    labels = list(trigger.labels)
    document = {"playbook": trigger.playbook, "trigger": trigger.name, "labels": labels}
    on = ", ".join(labels) or "any label"
    say(as_json, document, f"New containers with {on} start {trigger.playbook}")


def deactivate(name: Name, as_json: AsJson = False) -> None:
    """Let no new container start a playbook: all of its triggers become inactive."""
    from soar import bringing

    with entry.working() as (_, work):
        put_out = bringing.deactivate(work, name, by=COMMAND_LINE)
    document = {"playbook": name, "triggers": put_out}
    say(as_json, document, f"Nothing starts {name} by itself any more: {', '.join(put_out)}")


def list_functions(as_json: AsJson = False) -> None:
    """List the custom functions that playbooks can call."""
    with entry.working() as (_, work):
        found = work.functions.all()
    shown = ("id", "repo", "name", "description", "inputs", "outputs", "sha256", "created_at")
    documents = [entry.pick(row, *shown) for row in found]
    rows = [
        (f"{d['repo']}/{d['name']}", ", ".join(str(i.get("name")) for i in d["inputs"]), d["id"])
        for d in documents
    ]
    empty = "No custom functions: bring some with `soar playbook import`."
    show(as_json, documents, table(("custom function", "inputs", "id"), rows, empty=empty))
