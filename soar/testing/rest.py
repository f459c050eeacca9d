"""
This system's own REST on a stage: what ``phantom.requests`` asks is answered from memory.

In: a method, an address, what the call was given. Out: a response in the shapes of the real one.
Never: a socket; an unknown address is 404, a filter that the real one refuses is 400.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

from soar.api import query
from soar.api.errors import told
from soar.domain import cef
from soar.domain.errors import BadInput, NotAllowed, NotFound
from soar.testing.filtering import envelope
from soar.testing.nouns import NOUNS, OLDER, PARTS, Noun, Shape, indicators

if TYPE_CHECKING:
    from soar.testing.memory import Memory

Pairs = list[tuple[str, str]]
HIDDEN = ("artifacts",)


def respond(memory: Memory, method: str, url: str, given: Mapping[str, Any]) -> requests.Response:
    """Answer one request as this system would."""
    parts = urlsplit(url)
    path = [unquote(step) for step in parts.path.split("/") if step]
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *_pairs(given.get("params"))]
    try:
        return said(200, _answer(memory, method, path, pairs, _body(given)))
    except Exception as error:
        status, message = told(error, url)
        return said(status, {"failed": True, "message": message})


def said(status: int, body: Any) -> requests.Response:
    """Return a response with a status and a JSON body."""
    response = requests.Response()
    response.status_code = status
    response._content = json.dumps(body, default=str).encode()
    response.headers["Content-Type"] = "application/json"
    return response


def _pairs(params: Any) -> Pairs:
    given = params.items() if isinstance(params, Mapping) else params or ()
    if isinstance(given, str):
        return parse_qsl(given, keep_blank_values=True)
    return [(str(name), str(value)) for name, value in given if value is not None]


def _body(given: Mapping[str, Any]) -> Any:
    value = given.get("json") if given.get("json") is not None else given.get("data")
    if not isinstance(value, str | bytes):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise BadInput("body", f"is not JSON: {error}") from None


def _answer(memory: Memory, method: str, path: list[str], pairs: Pairs, body: Any) -> Any:
    if path[:1] != ["rest"] or len(path) < 2:
        raise NotFound(f"there is nothing at /{'/'.join(path)}")
    name, rest = OLDER.get(path[1], path[1]), path[2:]
    if name in SPECIAL and not rest:
        return SPECIAL[name](memory, dict(pairs))
    noun = NOUNS.get(name)
    if noun is None:
        raise NotFound(f"there is nothing at /rest/{name}")
    if not rest:
        return _posted(memory, noun, body) if method == "POST" else _page(memory, noun, pairs)
    row = _row(memory, noun, rest[0])
    if len(rest) > 1:
        return _part(memory, name, row, rest[1], pairs)
    return _changed(memory, noun, row, body) if method == "POST" else _shown(row)


def _page(memory: Memory, noun: Noun, pairs: Pairs) -> Shape:
    rows = [_shown(row) for row in noun.rows(memory)]
    asked = {name for name, _ in pairs if query.is_set(dict(pairs), name)}
    if noun is NOUNS["artifact"] and "include_all_cef_types" in asked:
        rows = [{**row, "cef_types": cef.types_of(row)} for row in rows]
    if noun is NOUNS["indicator"] and "_special_contains" in asked:
        rows = [{**row, "_special_contains": [row["type"]]} for row in rows]
    return envelope(rows, noun.listing, pairs)


def _shown(row: Shape) -> Shape:
    return {name: value for name, value in row.items() if name not in HIDDEN}


def _row(memory: Memory, noun: Noun, wanted: str) -> Shape:
    known = noun.rows(memory)
    found = next((row for row in known if str(row["id"]) == wanted), None)
    named = next((row for row in known if row.get("name") == wanted), None)
    if found is None and (noun is not NOUNS["decided_list"] or named is None):
        raise NotFound(f"there is no {noun.listing.noun} {wanted!r}")
    return found or named or {}


def _part(memory: Memory, name: str, row: Shape, part: str, pairs: Pairs) -> Shape:
    if name == "container" and part == "comments":
        return envelope(memory.records.comments, NOUNS["note"].listing, pairs)
    if name != "container" or part not in PARTS:
        raise NotFound(f"there is nothing at /rest/{name}/{row['id']}/{part}")
    return _page(memory, NOUNS[PARTS[part]], pairs)


def _posted(memory: Memory, noun: Noun, body: Any) -> Any:
    if isinstance(body, list):
        return [_posted(memory, noun, each) for each in body]
    if noun.add is None:
        raise NotAllowed(f"a {noun.listing.noun} cannot be posted to a stage")
    if not isinstance(body, dict):
        raise BadInput("body", "must be a JSON object")
    number = memory.records.new_id(noun.listing.noun)
    noun.add(memory, {"id": number}, body)
    return {"success": True, "id": number}


def _changed(memory: Memory, noun: Noun, row: Shape, body: Any) -> Shape:
    if noun.change is None:
        raise NotAllowed(f"a {noun.listing.noun} cannot be changed on a stage")
    if not isinstance(body, dict):
        raise BadInput("body", "must be a JSON object")
    noun.change(memory, row, body)
    return {"success": True, "id": row["id"]}


def _by_value(memory: Memory, asked: Mapping[str, str]) -> Shape:
    wanted = asked.get("indicator_value", "").strip("\"'")
    for row in indicators(memory):
        if row["value"] == wanted:
            return row
    raise NotFound(f"there is no indicator {wanted[:80]!r}")


def _containers_of(memory: Memory, asked: Mapping[str, str]) -> list[Shape]:
    wanted = asked.get("indicator_ids", "").strip("[]").split(",")
    known = {str(row["id"]) for row in indicators(memory)}
    if known.isdisjoint(one.strip() for one in wanted):
        return []
    shape = memory.shape
    return [{"container_id": shape["id"], "container_name": shape["name"], **_shown(shape)}]


SPECIAL = {
    "version": lambda *_: {"version": "on stage"},
    "system_info": lambda memory, _: {"base_url": memory.records.base_url, "time_zone": "UTC"},
    "cef_metadata": lambda *_: cef.metadata(),
    "indicator_by_value": _by_value,
    "indicator_common_container": _containers_of,
}
"""Addresses that are no lists."""
