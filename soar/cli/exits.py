"""
How a command ends: its exit code, and one sentence where it failed.

In: whatever a command raised. Out: ``error: …`` on standard error, the same as a JSON document
on standard output where ``--json`` was given, and the exit code that ``docs/reference/cli.md``
promises. Never: a traceback for something that this product says went wrong, or a URL.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from math import ceil
from typing import Any

import typer
from typer.core import TyperGroup

from soar.cli.lanes import span
from soar.cli.screen import error_line, write_json
from soar.domain.errors import (
    BadInput,
    Conflict,
    NotAllowed,
    NotFound,
    NotYet,
    RetryLater,
    SoarError,
)

FAILED = 1
NEEDS_PERSON = 6
INTERRUPTED = 130
CODES: tuple[tuple[type[SoarError], int], ...] = (
    (BadInput, 2),
    (NotFound, 3),
    (NotAllowed, 4),
    (Conflict, 5),
)
MEANINGS = {
    0: "done",
    FAILED: "failed: the sentence says why (also: a server does not answer, a replay differs)",
    2: "something that was written cannot be used: an option, a file, a field",
    3: "what was asked for does not exist",
    4: "this person may not do this",
    5: "too late: somebody or something decided first; or too early: a budget is spent",
    NEEDS_PERSON: "`soar doctor` found something that needs a person, or a drill missed its time",
    INTERRUPTED: "interrupted by Ctrl-C",
}


class Front(TyperGroup):
    """The root of all commands: the one place where failures become sentences."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Run one command line and leave with its exit code."""
        given = list(sys.argv[1:] if args is None else args)
        extra.pop("standalone_mode", None)
        try:
            code = super().main(given, standalone_mode=False, **extra)
        except typer.Abort:
            code = INTERRUPTED
        except Exception as error:
            code = tell(error, as_json="--json" in given)
        sys.exit(code if isinstance(code, int) else 0)


def tell(error: Exception, *, as_json: bool) -> int:
    """Say in one sentence what went wrong and return the exit code; a bug surfaces as a bug."""
    if _is_help(error):
        error_line(str(error), prefix="")
        return 2
    sentence, field, code = explain(error)
    after = error.after if isinstance(error, NotYet | RetryLater) else None
    seconds = ceil(after.total_seconds()) if after else 0
    if seconds:
        sentence += f"; try again in {span(timedelta(seconds=seconds))}"
    error_line(sentence)
    if as_json:
        later = {"after_seconds": seconds} if seconds else {}
        write_json({"error": sentence, "field": field, **later})
    return code


def explain(error: Exception) -> tuple[str, str | None, int]:
    """Return the sentence, the field it is about, and the exit code of a failure."""
    if isinstance(error, SoarError):
        code = next((code for kind, code in CODES if isinstance(error, kind)), FAILED)
        return str(error), error.field if isinstance(error, BadInput) else None, code
    if isinstance(error, typer.TyperException):
        return _usage(error), getattr(getattr(error, "param", None), "name", None), 2
    if isinstance(error, OSError):
        return _system(error), None, FAILED
    sentence = _server(error)
    if sentence is None:
        raise error
    return sentence, None, FAILED


def _is_help(error: Exception) -> bool:
    """Tell whether a group of commands was named without a command: its help is the answer."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    return f"{error.format_message().rstrip('.')}{hint}"


def _system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or type(error).__name__}"


def _server(error: Exception) -> str | None:
    """Name the setting of the server that failed; its URL and its message stay unsaid."""
    # Imported here: these are slow to load, and a command that succeeds does not need them.
    import redis

    from soar.store import errors

    if errors.not_migrated(error):
        return "the database has no schema of this release: run `soar migrate`"
    if isinstance(error, errors.UNREACHABLE):
        return "the database does not answer or refuses this user: check SOAR_DATABASE_URL"
    if isinstance(error, errors.UNUSABLE_URL):
        return "the database URL cannot be used: SOAR_DATABASE_URL must be postgresql+psycopg2://…"
    if isinstance(error, errors.NoSuchRevision):
        return f"the schema cannot be moved: {error}"
    if isinstance(error, errors.OUT_OF_RANGE):
        return "a number is larger than any id, or a text longer than can be kept"
    if isinstance(error, redis.RedisError):
        return "Redis does not answer or refuses this user: check SOAR_REDIS_URL"
    return None
