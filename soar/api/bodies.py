"""
The body of a request: bounded, JSON, and of kinds that the store can hold.

In: bytes as they arrive. Out: plain values. Never: a body read beyond its limit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.requests import Request

from soar.api.errors import TooLarge
from soar.domain.errors import BadInput
from soar.store.rows import storable

LARGEST = 10 * 1024 * 1024
DEEPEST = 50


async def read(request: Request, *, largest: int = LARGEST) -> bytes:
    """Return the body, or refuse it as soon as it is larger than so many bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            size = f"{largest // 2**20} MiB" if largest >= 2**20 else f"{largest // 2**10} KiB"
            raise TooLarge(f"the body is larger than {size}")
    return bytes(body)


def parse(body: bytes) -> Any:
    """Return the JSON value of a body; the type that a client declares does not matter."""
    try:
        value = json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadInput("body", f"is not JSON: {str(error)[:120]}") from None
    if _is_deeper(value, DEEPEST):
        raise BadInput("body", f"is nested more than {DEEPEST} levels deep")
    return storable(value)


def an_object(body: Any) -> dict[str, Any]:
    """Return a body that must be an object."""
    if not isinstance(body, dict):
        raise BadInput("body", "must be a JSON object")
    return body


def only(
    raw: Mapping[str, Any], known: tuple[str, ...], shown: Mapping[str, Any] | None = None
) -> None:
    """
    Refuse a field that would silently do nothing.

    Clients read, change and send back the whole: what stands there as it was *shown* is no change.
    """
    for name, value in raw.items():
        if name not in known and (not shown or name not in shown or shown[name] != value):
            expected = ", ".join(known)
            raise BadInput(name[:80], f"is not a field that can be written; known: {expected}")


def text(raw: Mapping[str, Any], name: str, *, longest: int = 2000) -> str:
    """Return a text of a body; one that is missing is empty."""
    value = raw.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise BadInput(name, f"must be a text of at most {longest} characters")
    return value


def number(raw: Mapping[str, Any], *names: str) -> int:
    """Return a whole number of a body, under the first of its names that is there."""
    value = next((raw[n] for n in names if raw.get(n) is not None), None)
    if value is None:
        raise BadInput(names[0], "is missing")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise BadInput(names[0], "must be a whole number")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:40]} is out of range")
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Tell whether a value nests deeper than that many levels, without recursion."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [child for item in layer for child in _children(item)]
        if not layer:
            return False
    return True


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
