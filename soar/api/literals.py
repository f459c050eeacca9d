"""
Values as clients write them in a query: JSON, Python literals, or bare words.

In: the text after ``=``. Out: a value, and then a value of the column's type.
Never: ``eval``, or a text that cannot be read at all: it is then taken as it stands.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from soar.domain.errors import BadInput

LONGEST = 10_000
DEEPEST = 20
WORDS = {
    "True": True,
    "true": True,
    "False": False,
    "false": False,
    "None": None,
    "null": None,
}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""|(?P<number>-?\d{1,30}(?:\.\d{1,30})?(?![\w.]))"""
    r"""|(?P<word>(?:True|true|False|false|None|null)(?!\w))"""
    r"""|(?P<mark>[\[\](){},:]))""",
    re.DOTALL,
)


class _Unreadable(Exception):
    """The text is no literal."""


def read(text: str, name: str) -> Any:
    """Return the value that a text stands for; what is no literal stands for itself."""
    if len(text) > LONGEST:
        raise BadInput(name, f"is longer than {LONGEST} characters")
    try:
        tokens = _tokens(text)
        value = _value(tokens, 0)
    except _Unreadable:
        return text.strip()
    return value if not tokens else text.strip()


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return the tokens of a text, the last one first."""
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            raise _Unreadable
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found[::-1]


def _value(tokens: list[tuple[str, str]], depth: int) -> Any:
    if not tokens or depth > DEEPEST:
        raise _Unreadable
    kind, word = tokens.pop()
    if kind == "text":
        return _unquoted(word)
    if kind == "number":
        return float(word) if "." in word else int(word)
    if kind == "word":
        return WORDS[word]
    if word in "[(":
        return _items(tokens, "]" if word == "[" else ")", depth + 1)
    if word == "{":
        return _members(tokens, depth + 1)
    raise _Unreadable


def _items(tokens: list[tuple[str, str]], closing: str, depth: int) -> list[Any]:
    items: list[Any] = []
    while not _closes(tokens, closing):
        items.append(_value(tokens, depth))
        if not _closes(tokens, closing):
            _expect(tokens, ",")
    _expect(tokens, closing)
    return items


def _members(tokens: list[tuple[str, str]], depth: int) -> dict[str, Any]:
    members: dict[str, Any] = {}
    while not _closes(tokens, "}"):
        key = _value(tokens, depth)
        _expect(tokens, ":")
        members[str(key)] = _value(tokens, depth)
        if not _closes(tokens, "}"):
            _expect(tokens, ",")
    _expect(tokens, "}")
    return members


def _closes(tokens: list[tuple[str, str]], mark: str) -> bool:
    return bool(tokens) and tokens[-1] == ("mark", mark)


def _expect(tokens: list[tuple[str, str]], mark: str) -> None:
    if not _closes(tokens, mark):
        raise _Unreadable
    tokens.pop()


def _unquoted(token: str) -> str:
    if token.startswith('"'):
        try:
            return str(json.loads(token))
        except ValueError:
            pass
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), token[1:-1], flags=re.DOTALL)


def coerced(value: Any, kind: str, name: str) -> Any:
    """Return a value as the type of its column, or say what the column holds."""
    if value is None or kind == "json":
        return value
    if isinstance(value, list | dict):
        raise BadInput(name, "must be one value; several go with __in")
    return COERCIONS[kind](value, name)


def _whole(value: Any, name: str) -> int:
    number = value
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,30}", value.strip()):
        number = int(value)
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int):
        raise BadInput(name, f"{_shown(value)} must be a whole number")
    return number


def _flag(value: Any, name: str) -> bool:
    found = {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())
    if found is None:
        raise BadInput(name, f"{_shown(value)} must be True or False")
    return found


def _time(value: Any, name: str) -> datetime:
    """Read an ISO time (UTC where it names no zone) or seconds since 1970."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value).strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise BadInput(
            name, f"{_shown(value)} must be a time such as 2026-01-31T08:00:00Z"
        ) from None


def _word(value: Any, _name: str) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _shown(value: Any) -> str:
    return repr(value)[:80]


COERCIONS: Mapping[str, Callable[[Any, str], Any]] = {
    "int": _whole,
    "bool": _flag,
    "time": _time,
    "text": _word,
    "texts": _word,
}
