"""
The questions of a prompt at a terminal: shown, and asked in turn.

In: questions. Out: their answers, each checked before the next is asked.
Never: an answer to some of them, or a question where nobody sits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer
from rich.console import Console

from soar.cli import entry
from soar.cli.screen import plain, progress_console
from soar.domain.errors import BadInput
from soar.domain.questions import Answer, Question


def draw(console: Console, questions: Sequence[Question]) -> None:
    """Show each question with what may be answered."""
    for number, question in enumerate(questions, start=1):
        console.print(f"\n  {number}  {plain(question.prompt)}".rstrip(), style="bold")
        need = "" if question.required else " (may be left empty)"
        console.print(f"     {plain(question.allowed)}{need}", style="dim", soft_wrap=True)


def each(questions: Sequence[Question]) -> list[Answer]:
    """Ask every question in turn."""
    if not entry.interactive():
        raise BadInput(
            "response",
            f"is missing and nobody can be asked here: give --response {len(questions)} times,"
            " in the order of the questions",
        )
    return [_ask(question, number) for number, question in enumerate(questions, start=1)]


def _ask(question: Question, number: int) -> Answer:
    console = progress_console()
    console.print(f"\n{number}  {plain(question.prompt)}".rstrip(), style="bold")
    for place, choice in enumerate(question.choices, start=1):
        console.print(f"  {place}  {plain(choice)}")
    default = None if question.required else ""
    asked = typer.prompt(
        f"Answer {number}",
        default=default,
        show_default=False,
        value_proc=_reader(question, number),
        err=True,
    )
    return asked if isinstance(asked, int) else str(asked)


def _reader(question: Question, number: int) -> Callable[[str], Answer]:
    """Return what reads an answer, a choice also by its place; a wrong one is asked again."""

    def read(typed: str) -> Answer:
        text = typed.strip()
        if text not in question.choices and text.isdecimal():
            place = int(text)
            text = question.choices[place - 1] if 1 <= place <= len(question.choices) else text
        try:
            return question.answer(text, number)
        except BadInput as wrong:
            raise typer.BadParameter(str(wrong)) from None

    return read
