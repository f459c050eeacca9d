"""
Texts of others as people are shown them.

In: any value. Out: a text in which nothing hides. Never: a character that turns or hides another.
"""

from __future__ import annotations

import json
from typing import Any


def visible(value: Any) -> str:
    """Return a text in which nothing hides: what cannot be seen stands there as its number."""
    text = value if isinstance(value, str) else _written(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
