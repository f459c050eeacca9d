"""
A scanner of mail, or a prefetcher: it opens every link that it finds, and sends every form.

In: the address of a page, or a page. Out: what it asked for.
Never: an address on another host, or more requests than a bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import product
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import requests

MOST = 400
READING = ("GET", "HEAD", "OPTIONS")
PREFETCH = {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch", "X-Moz": "prefetch"}


@dataclass
class Form:
    """A form of a page: where it goes, and what it may carry."""

    action: str
    method: str
    fields: dict[str, list[str]] = field(default_factory=dict)

    def fillings(self) -> list[dict[str, str]]:
        """Return every way to choose, with something in every field."""
        names = list(self.fields)
        ways = product(*(self.fields[name] or ["yes"] for name in names))
        return [dict(zip(names, way, strict=True)) for way in ways]


class Page(HTMLParser):
    """The links and forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link, a form or a field."""
        given = {name: value or "" for name, value in attrs}
        if given.get("href"):
            self.links.append(given["href"])
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").upper()))
        if tag == "select":
            self._select = given.get("name", "")
        if tag in ("input", "textarea") and self.forms and given.get("name"):
            self._note(given["name"], given.get("value", ""))
        if tag == "option" and self.forms and self._select:
            self._note(self._select, given.get("value", ""))

    def _note(self, name: str, value: str) -> None:
        self.forms[-1].fields.setdefault(name, []).append(value or "yes")


@dataclass
class Scanner:
    """Opens, follows and sends, with the session that it is given, or none."""

    root: str
    session: requests.Session = field(default_factory=requests.Session)
    sends: bool = True
    """Whether it posts the forms that it finds; else it only asks for where they go."""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def scan(self, address: str) -> None:
        """Look at an address and at everything that its page leads to."""
        waiting = [address]
        while waiting:
            at = urldefrag(urljoin(self.root, waiting.pop(0)))[0]
            if urlsplit(at).netloc != urlsplit(self.root).netloc or at in self.seen:
                continue
            self.seen.add(at)
            answers = [self._ask(verb, at) for verb in READING]
            waiting += self.look(answers[0].text, answers[0].url)

    def look(self, text: str, at: str) -> list[str]:
        """Send every form of a page, and return where its links lead."""
        page = Page(text)
        for form in page.forms:
            self._try(form, urljoin(at, form.action))
        return [urljoin(at, link) for link in page.links]

    def _try(self, form: Form, to: str) -> None:
        for filled in form.fillings():
            for verb in READING:
                self._ask(verb, to, params=filled)
            if self.sends and form.method == "POST":
                self._ask("POST", to, data=filled)

    def _ask(self, verb: str, address: str, **more: Any) -> requests.Response:
        assert len(self.asked) < MOST, "the scanner does not come to an end"
        self.asked.append((verb, address))
        return self.session.request(verb, address, headers=self.headers, timeout=30, **more)
