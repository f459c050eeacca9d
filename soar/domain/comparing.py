"""
How two values of a condition compare.

In: values as JSON holds them, and one of eight operators. Out: yes or no.
Never: an exception over a value, whatever it is: what cannot be compared does not hold.

``""`` or ``[]`` on one side asks whether the other has a value at all: None, an empty text and an
empty list have none. None on the right asks for None itself. Otherwise numbers compare with texts
that are numbers, true and false with their names. A network holds its addresses.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

OPERATORS = ("==", "!=", ">", ">=", "<", "<=", "in", "not in")
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """How the values of one call are to be compared."""

    case_sensitive: bool = True
    delimiter: str | None = ","


USUAL = Terms()


def holds(left: Any, operator: str, right: Any, terms: Terms = USUAL) -> bool:
    """Tell whether a condition holds for two values."""
    match operator:
        case "==":
            return equal(left, right, terms)
        case "!=":
            return not equal(left, right, terms)
        case "in":
            return within(left, right, terms)
        case "not in":
            return not within(left, right, terms)
    return _ordered(left, operator, right, terms)


def is_empty(value: Any) -> bool:
    """Tell whether there is no value: None, an empty text, an empty list or mapping."""
    return value is None or (isinstance(value, str | list | tuple | Mapping) and not value)


def equal(left: Any, right: Any, terms: Terms = USUAL) -> bool:
    """Tell whether two values are equal; a list equals a value if one of its elements does."""
    if right is None:
        return left is None
    if _asks_for_any(left) or _asks_for_any(right):
        return is_empty(left) and is_empty(right)
    if left is None:
        return False
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_alike(terms), left, right))
    if isinstance(left, list | tuple):
        return any(equal(each, right, terms) for each in left if each != "")
    if isinstance(right, list | tuple):
        return any(equal(left, each, terms) for each in right if each != "")
    return _same(left, right, terms)


def _asks_for_any(value: Any) -> bool:
    return isinstance(value, str | list | tuple) and not value


def _alike(terms: Terms) -> Callable[[Any, Any], bool]:
    return lambda a, b: a == b or _same(a, b, terms)


def _same(left: Any, right: Any, terms: Terms) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left == right if terms.case_sensitive else left.casefold() == right.casefold()
    a, b = aligned(left, right)
    return bool(a == b)


def aligned(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two values as the kind that the one which is no text has, where they can be."""
    if isinstance(left, str) and isinstance(right, bool | int | float):
        return _as(right, left), right
    if isinstance(right, str) and isinstance(left, bool | int | float):
        return left, _as(left, right)
    return left, right


def _as(like: Any, text: str) -> Any:
    if isinstance(like, bool):
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    number = as_number(text)
    return text if number is None else number


def as_number(text: str) -> float | int | None:
    """Return the number that a text is, or None."""
    stripped = text.strip()
    if len(stripped) > 400 or "_" in stripped:
        return None
    try:
        return int(stripped)
    except ValueError:
        pass
    try:
        number = float(stripped)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _ordered(left: Any, operator: str, right: Any, terms: Terms) -> bool:
    """Tell whether one value is before the other: numbers, else texts; nothing is before none."""
    if is_empty(left) or is_empty(right):
        return False
    if isinstance(left, list | tuple):
        return any(_ordered(each, operator, right, terms) for each in left)
    if isinstance(right, list | tuple):
        return any(_ordered(left, operator, each, terms) for each in right)
    a, b = aligned(left, right)
    if isinstance(a, str) and isinstance(b, str):
        a, b = _both(a, b, terms)
    try:
        return bool(_ORDERS[operator](a, b))
    except TypeError:
        return False


def _both(left: str, right: str, terms: Terms) -> tuple[Any, Any]:
    """Return two texts as numbers, if both are."""
    numbers = as_number(left), as_number(right)
    if None not in numbers:
        return numbers
    return (left, right) if terms.case_sensitive else (left.casefold(), right.casefold())


def within(left: Any, right: Any, terms: Terms = USUAL) -> bool:
    """Tell whether a value is an element of a list, a part of a text, or in a network."""
    if is_empty(left) or is_empty(right):
        return False
    if isinstance(left, list | tuple):
        return any(within(each, right, terms) for each in left)
    if isinstance(right, list | tuple):
        return any(_is_or_in_network(left, each, terms) for each in right)
    if isinstance(right, Mapping):
        return str(left) in right
    if not isinstance(right, str):
        return _same(left, right, terms)
    return _in_text(left, right, terms)


def _in_text(left: Any, right: str, terms: Terms) -> bool:
    text = str(left)
    network = _network(right)
    address = None if network is None else _address(text)
    if network is not None and address is not None:
        return address in network
    return text in right if terms.case_sensitive else text.casefold() in right.casefold()


def _is_or_in_network(left: Any, item: Any, terms: Terms) -> bool:
    if equal(left, item, terms) and item != "":
        return True
    network = _network(item) if isinstance(item, str) else None
    return network is not None and _in(str(left), network)


def _in(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    address = _address(text)
    return address is not None and address in network


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the network that a text is: one with a slash, whatever stands behind it."""
    if "/" not in text or len(text) > 60:
        return None
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def members(literal: Any, terms: Terms) -> Any:
    """Return the values of a literal list (``"a, b"``) as a list, where it has a delimiter."""
    if not isinstance(literal, str) or not terms.delimiter or terms.delimiter not in literal:
        return literal
    return [part.strip() for part in literal.split(terms.delimiter) if part.strip()]


def keys(value: Any) -> Collection[Any]:
    """Return what equal values have in common, to find them by; lists have the keys of theirs."""
    if isinstance(value, list | tuple):
        return {key for each in value for key in keys(each)} or {""}
    if isinstance(value, bool):
        return {int(value), str(value).lower()}
    if isinstance(value, str):
        number, text = as_number(value), value.casefold()
        return {text, text.strip()} if number is None else {text, text.strip(), number}
    if isinstance(value, int | float):
        return {value}
    return {""} if is_empty(value) else {str(value)}
