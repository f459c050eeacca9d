"""
What a target's text reaches: the same host, account or network, however it is written.

In: a pattern, and the text by which a call names its target. Out: whether they meet.
Never: an exception, whatever the texts hold.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import urlsplit

KEPT = 8192
"""So many texts are not read anew: the patterns of all rules, for each containment."""
BETWEEN = re.compile(r"[\s,;|]+")
MAPPED = int(ipaddress.ip_address("::ffff:0:0"))
"""Where IPv4 lies among the addresses of IPv6: an address is the same one in either form."""
WIDEST, WIDEST_IPV6 = 1 << 16, 1 << 96
"""Most addresses of a network that is still narrow: a /16, in IPv6 a /32."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Addresses from the first to the last, as numbers of IPv6."""

    first: int
    last: int

    @property
    def is_wide(self) -> bool:
        """Whether these are more addresses than one means to block."""
        old = self.first >= MAPPED and self.last <= MAPPED | 0xFFFF_FFFF
        return self.last - self.first >= (WIDEST if old else WIDEST_IPV6)

    def meets(self, other: Stretch) -> bool:
        """Tell whether two stretches have an address in common."""
        return self.first <= other.last and other.first <= self.last


def hits(pattern: str, text: str) -> bool:
    """Tell whether a text names what a pattern stands for: a network, a glob or a plain name."""
    network = stretch(pattern)
    if network is not None:
        return any(network.meets(other) for other in stretches(text))
    wanted = _plain(pattern)
    names = spellings(text)
    if wanted in names or _plain(text) in spellings(pattern):
        return True
    return any(fnmatchcase(name, wanted) for name in names)


def is_wide(text: str) -> bool:
    """Tell whether a text names more addresses than one means to block."""
    return any(found.is_wide for found in stretches(text))


def stretches(text: str) -> Iterator[Stretch]:
    """Return every address, network or range that stands in a text; of a URL its host."""
    for piece in (*BETWEEN.split(text), _host(text)):
        found = stretch(piece) or _range(piece)
        if found is not None:
            yield found


@lru_cache(maxsize=KEPT)
def stretch(text: str) -> Stretch | None:
    """Return the addresses that a text stands for, if it is an address or a network."""
    try:
        network = ipaddress.ip_network(text.strip().strip("[]").partition("%")[0], strict=False)
    except ValueError:
        return None
    base = MAPPED if network.version == 4 else 0
    return Stretch(base + int(network.network_address), base + int(network.broadcast_address))


def _range(text: str) -> Stretch | None:
    """Return a range as in 10.0.0.1-10.0.0.9."""
    begin, dash, end = text.partition("-")
    first, last = (stretch(begin), stretch(end)) if dash else (None, None)
    if first is None or last is None:
        return None
    return Stretch(min(first.first, last.first), max(first.last, last.last))


@lru_cache(maxsize=KEPT)
def spellings(text: str) -> frozenset[str]:
    """Return the names that a text may mean: as it stands, and without domain or path."""
    whole = _plain(text)
    found = {whole, whole.rpartition("\\")[2], whole.partition("@")[0], _host(text)}
    if whole.startswith("cn="):
        found.add(whole[3:].partition(",")[0])
    if stretch(whole) is None:
        found |= {name.partition(".")[0] for name in tuple(found) if stretch(name) is None}
    return frozenset(found - {""})


def _plain(text: str) -> str:
    return text.strip().rstrip(".").casefold()


def _host(text: str) -> str:
    """Return the host of a URL, or nothing."""
    if "://" not in text:
        return ""
    try:
        return (urlsplit(text.strip()).hostname or "").rstrip(".").casefold()
    except ValueError:
        return ""
