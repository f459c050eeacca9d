"""
The audit trail as a chain: each entry names the hash of the one before it.

In: what happened, and the entry before. Out: the one text of an entry and its hash; what is wrong
with a chain. Never: a key, a clock or a database: whoever has the lines and public keys can check.

A line that was changed, taken out, put in or moved breaks the chain behind it. Whoever may write
to the database can make the chain anew from there, but not the signatures of people's answers:
each signs its own entry, and with it all that came before. Source of the idea: S. Haber and
W. S. Stornetta, "How to time-stamp a digital document" (1991).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from soar.domain.gate import canonical

GENESIS = "0" * 64
"""What the first entry names as the hash before it."""
FIELDS = {"number", "time", "who", "what", "detail", "previous"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One entry as it is kept: its text, the text's hash, and who sealed it, if anybody did."""

    number: int
    text: str
    hash: str
    signature: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Breach:
    """The first thing that is wrong with a chain."""

    number: int
    why: str


Verify = Callable[[Mapping[str, Any], str, str, datetime], str]
"""Says why a signature of an entry by a key does not count (nothing if it does), given the latest
time that the chain has seen."""


def entry(
    *, number: int, time: datetime, who: str, what: str, detail: Mapping[str, Any], previous: str
) -> dict[str, Any]:
    """Return an entry as it is hashed and signed; times are ISO 8601 in UTC."""
    return {
        "number": number,
        "time": time.isoformat(timespec="microseconds"),
        "who": who,
        "what": what,
        "detail": dict(detail),
        "previous": previous,
    }


def text_of(made: Mapping[str, Any]) -> str:
    """Return the one text of an entry."""
    return canonical(dict(made)).decode()


def hash_of(text: str) -> str:
    """Return the SHA-256 of an entry's text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Walk:
    """Follows a chain link by link, as far as it holds."""

    verify: Verify
    number: int = 0
    head: str = GENESIS
    signed: int = 0
    sealed: int = 0
    """Number of the last signed entry: what comes after it is held by no signature yet."""
    latest: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    """The latest time that an entry names: a clock set back does not bring a retired key back."""
    keys: set[str] = field(default_factory=set)

    def follow(self, links: Iterable[Link]) -> Breach | None:
        """Follow more links; returns what is wrong with the first that does not hold."""
        for link in links:
            why = self._step(link)
            if why:
                return Breach(link.number, why)
        return None

    def _step(self, link: Link) -> str:
        if link.number != self.number + 1:
            return f"the entry before it is {self.number}: one was taken out or put in"
        if hash_of(link.text) != link.hash:
            return "its text is not what was hashed"
        try:
            made = json.loads(link.text)
        except ValueError:
            return "its text is not JSON"
        why = self._fits(made, link)
        if why:
            return why
        self.latest = max(self.latest, datetime.fromisoformat(made["time"]))
        if link.signature:
            why = self.verify(made, link.signature, link.key_id, self.latest)
            self.signed, self.sealed = self.signed + 1, link.number
            self.keys.add(link.key_id)
        self.number, self.head = link.number, link.hash
        return why

    def _fits(self, made: Any, link: Link) -> str:
        if not isinstance(made, dict) or set(made) != FIELDS or text_of(made) != link.text:
            return "its text is not an entry in canonical form"
        if made["number"] != link.number:
            return f"its text is that of entry {made['number']}"
        if made["previous"] != self.head:
            return "it does not name the hash of the entry before it"
        return ""
