"""
What a row keeps of a call's result: all of it, or its front and where the whole text is.

In: what a connector returned. Out: JSON texts within the cap, written once; above it also the
whole text, compressed, for an attachment.
Never: a row of data cut in the middle, or a result whose rest is dropped without a word.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from soar.domain.model import Kept, Whole
from soar.store.rows import LARGEST, Copier, NotStorable, as_json, dumped, storable

LONGEST_MESSAGE = 20_000
CUT_MESSAGE = 200
"""Letters that stay of a long message beside the note that the result is truncated."""
SHORT_MEMBER = 1_000
"""Bytes of a summary's member that stays where the whole summary is too large."""
NOTE_ROOM = 100
LEAST_CAP = 1024


def keep(message: Any, summary: Any, data: Any, *, cap: int) -> Kept:
    """
    Return what a row keeps of a result, at most *cap* bytes.

    Above it: the message, the summary (its short members, if it is too large itself) and whole
    rows of data from the front, beside the whole text. What cannot be kept is
    :class:`NotStorable`; its sentence goes on after "its result".
    """
    copier = Copier()
    said = "" if message is None else str(storable(message))
    members = _members(copier, summary)
    rows = [dumped(copier.copy(row)) for row in _rows(data)]
    texts = (_object(members), _array(rows))
    size = _size(said) + sum(map(_size, texts))
    if size > LARGEST:
        raise NotStorable(f"is larger than {LARGEST // 2**20} MiB")
    if size <= cap and len(said) <= LONGEST_MESSAGE:
        return Kept(message=said, summary=texts[0], data=texts[1])
    return _front(said, members, rows, cap=max(cap, LEAST_CAP))


def plain(message: str, summary: Mapping[str, Any], data: Iterable[Any]) -> Kept:
    """Return a result that is known to be small, as a row keeps it."""
    said = str(storable(message))
    if len(said) > LONGEST_MESSAGE:
        said = f"{said[: LONGEST_MESSAGE - 1]}…"
    return Kept(message=said, summary=as_json(summary), data=as_json(list(data)))


def size_text(size: int) -> str:
    """Return a size as people say it: 50.1 MiB."""
    if size < 2**20:
        return f"{size / 2**10:.1f} KiB"
    return f"{size / 2**20:.1f} MiB"


def _front(said: str, members: Mapping[str, str], rows: list[str], *, cap: int) -> Kept:
    message = said if len(said) <= CUT_MESSAGE else f"{said[: CUT_MESSAGE - 1]}…"
    room = cap - _size(message) - NOTE_ROOM
    summary = _object(members)
    if _size(summary) > room - 2:
        short = {n: t for n, t in members.items() if _size(t) <= SHORT_MEMBER}
        summary = _object(dict(_fitting(short.items(), room // 2)))
    left = room - _size(summary) - 2
    data = _array([text for _, text in _fitting((("", row) for row in rows), left, stop=True)])
    whole = _whole(f'{{"message": {dumped(said)}, "summary": {_object(members)}, "data": [', rows)
    return Kept(message=message, summary=summary, data=data, whole=whole)


def _fitting(
    parts: Iterable[tuple[str, str]], room: int, *, stop: bool = False
) -> Iterable[tuple[str, str]]:
    """Return the parts that fit, from the front; *stop* ends with the first that does not."""
    for name, text in parts:
        needed = _size(text) + (_size(dumped(name)) + 4 if name or not stop else 2)
        if needed <= room:
            room -= needed
            yield name, text
        elif stop:
            return


def _whole(head: str, rows: Iterable[str]) -> Whole:
    text = "".join((head, ", ".join(rows), "]}")).encode()
    return Whole(
        content=zlib.compress(text, 1),
        size=len(text),
        sha1=hashlib.sha1(text, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(text).hexdigest(),
    )


def _members(copier: Copier, summary: Any) -> dict[str, str]:
    if summary is None:
        return {}
    if not isinstance(summary, Mapping):
        raise NotStorable(f"has a summary that is no object but {type(summary).__name__}")
    return {name: dumped(value) for name, value in copier.copy(summary).items()}


def _rows(data: Any) -> Iterable[Any]:
    if data is None:
        return ()
    if isinstance(data, Mapping | str | bytes) or not isinstance(data, Iterable):
        return (data,)
    return data


def _object(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{dumped(name)}: {text}" for name, text in members.items()) + "}"


def _array(rows: Iterable[str]) -> str:
    return "[" + ", ".join(rows) + "]"


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
