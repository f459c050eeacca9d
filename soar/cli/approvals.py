"""
``soar approvals`` and ``soar approve``: what waits for a person, and their answer.

In: the token of a person, and a choice. Out: a signed answer to exactly what was shown.
Never: an answer without the payload on the screen first, or by somebody unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from soar.cli import asking, entry
from soar.cli.screen import (
    AsJson,
    output,
    plain,
    progress_console,
    say,
    show,
    table,
)
from soar.domain import gate, policy, questions
from soar.domain.errors import BadInput, Conflict, NotAllowed

if TYPE_CHECKING:
    from soar.bootstrap import House
    from soar.domain.model import Person
    from soar.store.rows import Row

SHOWN = (
    "id",
    "kind",
    "name",
    "assignee",
    "message",
    "options",
    "questions",
    "payload",
    "payload_digest",
    "status",
    "run_id",
    "container_id",
    "create_time",
    "due_at",
)
ANSWERED = ("answer", "responses", "answered_by", "reason", "close_time")


def approvals(
    approval_id: Annotated[
        int | None, typer.Argument(metavar="ID", min=1, help="Show this one, with its questions.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the open questions, the most urgent first; with an id, show that one."""
    with entry.working() as (_, work):
        if approval_id is not None:
            row = work.approvals.get(approval_id)
            show(as_json, entry.pick(row, *SHOWN, *ANSWERED), lambda console: _draw(console, row))
            return
        found = work.approvals.pending()
    documents = [entry.pick(row, *SHOWN, "container_name") for row in found]
    rows = [
        [d["id"], d["name"], d["container_name"], d["assignee"], _offered(d), d["due_at"]]
        for d in documents
    ]
    columns = ("approval", "what", "container", "for", "choices", "due (UTC)")
    show(as_json, documents, table(columns, rows, empty="Nothing waits for an answer."))


def _offered(row: Row) -> str:
    options, asked = row["options"], row["questions"]
    return ", ".join(options) if options or not asked else f"{len(asked)} questions"


def approve(
    approval_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="Id of the approval.")],
    choice: Annotated[
        str | None, typer.Argument(help="Your choice; without it the terminal asks.")
    ] = None,
    response: Annotated[
        list[str] | None,
        typer.Option(help="Your answer to one question; once for each, in their order."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the audit trail and the report.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask whether this is really meant.")
    ] = False,
    token_file: Annotated[
        Path | None, typer.Option(help="File with your token, instead of SOAR_TOKEN.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer an approval: see what each choice would do, choose, and sign."""
    with entry.opened() as house:
        person, row, allowed = _question(house, approval_id, token_file)
        console = progress_console() if as_json else output()
        _draw(console, row)
        shown = gate.digest(row["payload"])
        _check_open(row)
        _check_person(person, row, allowed=allowed)
        said = _said(row, choice, response)
        _confirm(questions.told(said), yes=yes)
        done = _answer(house, row, person, said, reason, shown)
    instead_of = done["signed"]["for"]
    document = entry.pick(done, "id", "status", *ANSWERED)
    who = f"{done['signed']['by']}" + (f", for {instead_of}," if instead_of else "")
    sentence = f"{who} chose {done['signed']['choice']!r}: signed and recorded"
    if done["missing"]:
        sentence += f"; it still needs {' and '.join(done['missing'])}"
    more = {"answered_for": instead_of, "missing": done["missing"]}
    say(as_json, {**document, **more}, sentence)


def _question(house: House, approval_id: int, token_file: Path | None) -> tuple[Person, Row, bool]:
    """Return who is asking, what they are about to be shown, and whether they may answer it."""
    from soar.approvals import check_tenant, stands_for

    with house.database.begin() as work:
        person = entry.person(work, house.settings, token_file)
        row = work.approvals.get(approval_id)
        check_tenant(work, person, row)
        return person, row, stands_for(work, person, row) is not None


def _said(row: Row, choice: str | None, response: list[str] | None) -> list[questions.Answer]:
    """Return what was given on the command line, or else is answered at the terminal."""
    if choice is None and not response:
        asked = [] if row["options"] else questions.read(row["payload"].get("questions"))
        return asking.each(asked) if asked else questions.answers(row, _ask(row), None)
    return questions.answers(row, choice or "", response)


def _answer(
    house: House,
    row: Row,
    person: Person,
    said: list[questions.Answer],
    reason: str,
    shown: str,
) -> Row:
    from soar.approvals import answer

    signer = house.signer()
    with house.database.begin() as work:
        return answer(
            work,
            row["id"],
            by=person,
            responses=said,
            signer=signer,
            channel="command line",
            shown=shown,
            reason=reason,
        )


def _check_open(row: Row) -> None:
    """Say at once when there is nothing to decide any more; the store decides it again."""
    if row["status"] == "answered":
        raise Conflict(
            f"approval {row['id']} is already decided: {row['answered_by']} chose {row['answer']!r}"
        )
    if row["status"] != "open":
        raise Conflict(f"approval {row['id']} is {row['status']}: nothing is to decide any more")


def _check_person(person: Person, row: Row, *, allowed: bool) -> None:
    """Refuse before the question is asked; the answer is checked again when it is recorded."""
    if not allowed:
        what = "an automation user" if person.kind == "automation" else "somebody else"
        raise NotAllowed(
            f"approval {row['id']} is for {row['assignee']!r}; {person.username} is {what}"
        )


def _ask(row: Row) -> str:
    """Ask for a choice by number or by word."""
    options = [str(option) for option in row["options"]]
    if not entry.interactive():
        known = ", ".join(options) or "your answer in words"
        raise BadInput("choice", f"is missing and nobody can be asked here; it is one of: {known}")
    console = progress_console()
    for number, option in enumerate(options, start=1):
        console.print(f"  {number}  {plain(option)}")
    typed = str(typer.prompt("Your choice", err=True)).strip()
    if typed.isdecimal() and 1 <= int(typed) <= len(options):
        return options[int(typed) - 1]
    return typed


def _confirm(choice: str, *, yes: bool) -> None:
    """Ask once more; where nobody can be asked, --yes must have been given."""
    if yes:
        return
    if not entry.interactive():
        raise BadInput("--yes", "is needed where nobody can be asked: nothing was answered")
    typer.confirm(f"Answer {plain(choice)!r}?", abort=True, err=True)


def _draw(console: Console, row: Row) -> None:
    """Show the question and, choice by choice, exactly what would be done."""
    payload: Mapping[str, Any] = row["payload"]
    heading = f"Approval {row['id']} for {row['assignee']}, due {plain(row['due_at'])} UTC"
    console.print(plain(heading), style="bold")
    console.print(plain(payload.get("message", "")), soft_wrap=True)
    asking.draw(console, questions.read(payload.get("questions")))
    if row["status"] == "answered":
        told = f"{row['answered_by']} answered: {row['answer']}"
        console.print(plain(told), style="green", soft_wrap=True)
    effects: Mapping[str, Any] = payload.get("effects", {})
    for option in payload.get("options", ()):
        calls = effects.get(option, ())
        console.print(f"\n{plain(option)}", style="bold")
        for call in calls:
            console.print(f"  will {_sentence(call)}", style="red", soft_wrap=True)
        if not calls:
            console.print("  no high-impact action", style="dim")
        for term in payload.get("policy", {}).get(option, ()):
            console.print(f"  needs {plain(policy.spoken(term))}", style="yellow", soft_wrap=True)
    console.print()


def _sentence(call: Mapping[str, Any]) -> str:
    """Say one call in words: the action, its target, its asset."""
    target = ", ".join(f"{name}={plain(value)}" for name, value in call["parameters"].items())
    return f"{plain(call['action'])} on {plain(call['asset'])}: {target}"
