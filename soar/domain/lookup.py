"""
When two lookups ask the same: the key under which they share one vendor call.

In: an asset, an action and its parameters. Out: a digest, equal for equal questions.
Never: one key for two settings of an asset: an edited asset is asked anew.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from soar.domain.gate import digest
from soar.domain.model import Asset

CASELESS = frozenset({"domain", "host name", "hash", "md5", "sha1", "sha256", "email"})


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


def _normal(value: Any, kinds: frozenset[str]) -> str:
    text = str(value).strip()
    if "ip" in kinds:
        try:
            return ipaddress.ip_address(text).compressed
        except ValueError:
            return text
    return text.lower().rstrip(".") if kinds & CASELESS else text
