"""
Whether the audit trail is whole: every entry, every signature, every answer beside it.

In: the entries in their order, and public keys. Out: what was found; where it breaks first.
Never: a change, or a break passed over because what follows fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from soar.domain.chain import Breach, Link, Walk
from soar.signing import Verifier
from soar.store.work import Work

Seen = Callable[[int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a walk along the audit trail found."""

    entries: int
    signed: int
    sealed: int
    """Number of the last signed entry; those after it are chained, and held by no signature."""
    head: str
    """The hash of the last entry: kept elsewhere, it proves later that nothing was cut off."""
    keys: tuple[str, ...]
    breach: Breach | None = None


def judge(verifier: Verifier) -> Callable[[Mapping[str, Any], str, str, datetime], str]:
    """Return what tells a walk why a signature does not count."""

    def why(made: Mapping[str, Any], signature: str, key: str, latest: datetime) -> str:
        if key not in verifier.keys:
            return f"it is signed with the key {key}, which is not among the public keys"
        if not verifier.made(made, signature, key):
            return f"its signature is none of the key {key} over this text"
        if verifier.retired(key, latest):
            return f"it is signed with the key {key} after that was retired"
        return ""

    return why


def verify(work: Work, verifier: Verifier, *, seen: Seen = lambda _: None) -> Finding:
    """Walk along the whole trail; *seen* hears the number of each entry."""
    walk = Walk(judge(verifier))
    breach = walk.follow(_told(work.trail.links(), seen)) or _beside(work)
    return Finding(
        entries=walk.number,
        signed=walk.signed,
        sealed=walk.sealed,
        head=walk.head,
        keys=tuple(sorted(walk.keys)),
        breach=breach,
    )


def _told(links: Iterable[Link], seen: Seen) -> Iterator[Link]:
    for link in links:
        seen(link.number)
        yield link


def _beside(work: Work) -> Breach | None:
    """Compare what stands beside the chain with it: columns people read, and answers."""
    number = work.trail.differs()
    if number is not None:
        return Breach(number, "its columns say something else than its text")
    approval = work.trail.unaudited()
    if approval is not None:
        return Breach(0, f"approval {approval} has an answer that is not in the audit trail")
    return None
