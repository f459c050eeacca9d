"""
When two calls want the same: the key under which lookups share one vendor call, and the target
under which writes share one effect.

In: an asset, an action and its parameters. Out: a text, equal for equal wishes.
Never: one key for two settings of an asset: an edited asset is asked anew.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from soar.domain.gate import digest
from soar.domain.model import Asset

LONGEST_TARGET = 500
"""Letters of a target that stand in the ledger as they are: it is part of an index, whose rows are
bounded."""
CASELESS = frozenset({"domain", "host name", "user name", "hash", "md5", "sha1", "sha256", "email"})


def key(
    asset: Asset,
    action: str,
    parameters: Mapping[str, Any],
    *,
    contains: Mapping[str, Iterable[str]],
) -> str:
    """Return the key of a lookup; *contains* says what kind of indicator a parameter holds."""
    asked = {
        name: _normal(value, frozenset(contains.get(name, ())))
        for name, value in parameters.items()
        if value not in (None, "")
    }
    settings = {name: str(value) for name, value in asset.configuration.items()}
    return digest({"asset": asset.slug, "as": settings, "action": action, "asked": asked})


def target(
    names: Iterable[str],
    parameters: Mapping[str, Any],
    *,
    contains: Mapping[str, Iterable[str]],
) -> str | None:
    """Return what a write acts on: the first of *names* that is given; None where none is."""
    for name in names:
        value = parameters.get(name)
        if value not in (None, ""):
            return f"{name}={_named(_normal(value, frozenset(contains.get(name, ()))))}"
    return None


def _named(text: str) -> str:
    """Return what names a target: a very long one its head and its digest."""
    if len(text) <= LONGEST_TARGET:
        return text
    return f"{text[:200]}…{digest(text.encode('utf-8', 'replace').decode())}"


def _normal(value: Any, kinds: frozenset[str]) -> str:
    text = str(value).strip()
    if "ip" in kinds:
        try:
            return ipaddress.ip_address(text).compressed
        except ValueError:
            return text
    caseless = kinds & CASELESS and "url" not in kinds  # a path of a URL has a case
    return text.lower().rstrip(".") if caseless else text
