"""What reaches a terminal, and what is read from one."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from soar.cli import entry
from soar.cli.screen import error_line, plain, say, table, write_json


def test_an_alert_cannot_command_the_terminal():
    """
    Escape sequences and text-direction marks of an attacker's text are made harmless.
    """
    shown = plain("a\x1b[2Jb\u202ec\x9b1m\r\n")

    assert not set(shown) & {"\x1b", "\u202e", "\x9b", "\r"}
    assert shown.startswith("a\ufffd[2Jb")


def test_data_is_never_taken_as_markup():
    """
    A name that looks like rich's markup is shown as it is.
    """
    console = Console(file=io.StringIO(), width=80)

    table(("name",), [("[red]x[/red]",)], empty="")(console)

    assert "[red]x[/red]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_sentence_is_never_taken_as_markup(capsys):
    """
    Sentences and errors quote data; brackets in them stay what they are.
    """
    say(False, {}, "[red]x[/red]")
    error_line("[/nonsense] is no alert")

    shown = capsys.readouterr()
    assert shown.out == "[red]x[/red]\n"
    assert shown.err == "error: [/nonsense] is no alert\n"


def test_no_rows_are_one_sentence():
    """
    An empty table says so instead of showing bare columns.
    """
    console = Console(file=io.StringIO(), width=80)

    table(("name",), [], empty="No runs.")(console)

    assert console.file.getvalue() == "No runs.\n"  # type: ignore[attr-defined]


def test_times_are_written_as_splunk_writes_them(capsys):
    """
    A document holds times with six digits and a Z.
    """
    write_json({"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)})

    assert json.loads(capsys.readouterr().out) == {"at": "2026-01-02T03:04:05.000000Z"}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("240", "numeric", 240),
        ("true", "boolean", True),
        ("1.5", "", 1.5),
        ("1e5", "string", "1e5"),
        ("240", "string", "240"),
        ("true", "password", "true"),
        ("dc01.company.com", "", "dc01.company.com"),
        ("[1]", "", "[1]"),
        ("null", "", None),
        ("null", "string", "null"),
    ],
)
def test_only_what_may_be_a_number_becomes_one(text, kind, value):
    """
    A setting that is text stays text, even where it looks like a number.
    """
    found = entry.typed(text, kind)

    assert found == value
    assert type(found) is type(value)
