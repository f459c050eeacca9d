"""
What of a recording may leave the house: no secret, and nobody's name.

In: JSON values. Out: the same with pseudonyms: ``secret-1``, ``person-2``, each value its own.
Never: two pseudonyms for one value of a document, so that what was equal stays equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MASK = "***"
SECRET_FIELDS = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "passkey",
    "sshkey",
    "signingkey",
    "encryptionkey",
    "credential",
    "authorization",
    "cookie",
    "sessionid",
)
"""Parts of the names of fields whose values are secrets, in lower case and with no signs."""
WRITTEN = re.compile(
    r"""(?ix) \b (?:pass(?:word|wd|phrase)|pwd|secret|(?:auth|access)?[ _-]?token|api[ _-]?key)
        \b ["']? \s* [:=] \s* ["']? (?P<said>[^\s"',;&]{3,})
      | \b (?:bearer|basic) \s+ (?P<bearer>[A-Za-z0-9._~+/=-]{8,})
      | :// [^/\s:@]+ : (?P<url>[^/\s@]+) @
      | (?P<pem>-----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?-----END[ ][A-Z ]*PRIVATE[ ]KEY-----)
    """,
    re.DOTALL,
)
"""Secrets inside a text: after a word for one, as a header, in an address, as a key."""
MAIL = re.compile(r"(?<![\w.%+-])([\w.%+-]{1,64})@(?=[\w-]+(?:\.[\w-]+)+)")
WORD = re.compile(r"\w(?:[\w.%+-]*\w)?")
NOBODY = frozenset(
    ("abuse", "admin", "alert", "alerts", "billing", "contact", "help", "hello", "info", "mail",
     "no-reply", "noreply", "office", "phishing", "postmaster", "reports", "root", "sales",
     "security", "service", "soc", "spam", "support", "system", "team", "webmaster")
)  # fmt: skip
"""Parts of addresses that name no person."""
SHORTEST = 3
"""A shorter name stands in too many other texts to be replaced there."""
SHORTEST_SECRET = 6
"""A shorter secret is replaced in its own field only."""
STATUSES = frozenset(("success", "failed", "running", "pending", "answered", "expired", "medium"))
"""What no secret is, whatever the field is called."""


def is_secret(name: object) -> bool:
    """Tell whether a field of this name holds a secret."""
    bare = re.sub(r"[^a-z0-9]", "", str(name).lower())
    return any(part in bare for part in SECRET_FIELDS)


def masked(value: Any, *, secret: bool = False) -> Any:
    """Return a value with every secret in it as three stars: as it may be shown, or compared."""
    if isinstance(value, Mapping):
        return {k: masked(v, secret=secret or is_secret(k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [masked(v, secret=secret) for v in value]
    if secret and value not in (None, "", True, False):
        return MASK
    return _without_written(value) if isinstance(value, str) else value


def _without_written(text: str) -> str:
    return WRITTEN.sub(lambda m: m[0].replace(next(filter(None, m.groups())), MASK), text)


@dataclass
class Redactor:
    """The pseudonyms of one document."""

    people: Iterable[str] = ()
    """Names under which people sign in."""
    spared: frozenset[str] = frozenset()
    """What is no secret because the playbook itself, or the house, says it."""
    _secrets: dict[str, str] = field(default_factory=dict)
    _persons: dict[str, str] = field(default_factory=dict)

    def redact(self, document: Any) -> Any:
        """Return a document with pseudonyms; all of it is read before anything is replaced."""
        for text, secret in _leaves(document):
            self._learn(text, secret)
        return self._replaced(document, self._replacing())

    def _learn(self, text: str, secret: bool) -> None:
        if secret and text:
            self._secrets.setdefault(text, f"secret-{len(self._secrets) + 1}")
            return
        for found in WRITTEN.finditer(text):
            said = next(filter(None, found.groups()))
            self._secrets.setdefault(said, f"secret-{len(self._secrets) + 1}")
        for name in MAIL.findall(text):
            self._person(name)
        for name in self.people:
            if name in text:
                self._person(name)

    def _person(self, name: str) -> None:
        known = name.lower() in NOBODY or name in self.spared or len(name) < SHORTEST
        if not known and not name.isdigit():
            self._persons.setdefault(name, f"person-{len(self._persons) + 1}")

    def _replacing(self) -> Callable[[str], str]:
        common = self.spared | STATUSES
        secrets = {
            s: p for s, p in self._secrets.items() if len(s) >= SHORTEST_SECRET and s not in common
        }
        each = sorted(map(re.escape, secrets), key=len, reverse=True)
        pattern, persons = re.compile("|".join(each) or "(?!)"), self._persons

        def replacing(text: str) -> str:
            text = pattern.sub(lambda found: secrets[found[0]], text)
            return WORD.sub(lambda found: persons.get(found[0], found[0]), text)

        return replacing

    def _replaced(self, value: Any, replacing: Callable[[str], str], secret: bool = False) -> Any:
        if isinstance(value, Mapping):
            return {
                replacing(str(k)): self._replaced(v, replacing, secret or is_secret(k))
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._replaced(v, replacing, secret) for v in value]
        if secret and value not in (None, "", True, False):
            return self._secrets.get(str(value), MASK)
        return replacing(value) if isinstance(value, str) else value


def _leaves(value: Any, secret: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield every text of a document, and whether a field of a secret holds it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name), False
            yield from _leaves(inner, secret or is_secret(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, secret)
    elif isinstance(value, str) or (secret and value not in (None, True, False)):
        yield str(value), secret
