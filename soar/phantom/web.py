"""
``phantom.requests``: this system's own REST, asked as the run, in the words of ``requests``.

In: an address or a path of ours, ``params``, ``json``, ``data``. Out: a response.
Never: I/O of its own (the engine asks), or a request while a block is only rehearsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain.errors import SoarError
from soar.phantom.desk import desk

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class NotRehearsable(SoarError):
    """A block that is only rehearsed would ask something outside."""


class Requests:
    """The functions of ``requests``, all of which ask this system."""

    exceptions: Any = None
    """What the engine's client raises; it is set by the engine."""

    def request(self, method: str, url: Any = None, *, uri: Any = None, **given: Any) -> Any:
        """Ask an address; ``uri`` is another word for it."""
        view = desk().view
        if view.rehearsed:
            raise NotRehearsable("phantom.requests asks nothing while a block is rehearsed")
        where = str(url if url is not None else uri if uri is not None else "")
        return view.reader.records.fetch(str(method).upper(), where, given)

    def get(self, url: Any = None, params: Any = None, **given: Any) -> Any:
        """Ask for something."""
        return self.request("GET", url, params=params, **given)

    def head(self, url: Any = None, **given: Any) -> Any:
        """Ask whether something is there."""
        return self.request("HEAD", url, **given)

    def post(self, url: Any = None, data: Any = None, json: Any = None, **given: Any) -> Any:
        """Change or add something."""
        return self.request("POST", url, data=data, json=json, **given)

    def put(self, url: Any = None, data: Any = None, **given: Any) -> Any:
        """Put something in place of something."""
        return self.request("PUT", url, data=data, **given)

    def patch(self, url: Any = None, data: Any = None, **given: Any) -> Any:
        """Change something."""
        return self.request("PATCH", url, data=data, **given)

    def delete(self, url: Any = None, **given: Any) -> Any:
        """Remove something."""
        return self.request("DELETE", url, **given)

    def options(self, url: Any = None, **given: Any) -> Any:
        """Ask what is possible."""
        return self.request("OPTIONS", url, **given)

    def Session(self) -> Session:  # noqa: N802 - the name that requests has for it
        """Return what asks with common headers and parameters."""
        return Session()

    session = Session


class Session(Requests):
    """Asks like the functions, with headers and parameters of its own."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.params: dict[str, Any] = {}
        self.verify: Any = True
        self.auth: Any = None
        self.cookies: dict[str, str] = {}

    def request(self, method: str, url: Any = None, *, uri: Any = None, **given: Any) -> Any:
        """Ask an address, with what the session adds."""
        if self.headers:
            given["headers"] = {**self.headers, **(given.get("headers") or {})}
        own = given.get("params")
        if self.params and (own is None or isinstance(own, Mapping)):
            given["params"] = {**self.params, **(own or {})}
        return super().request(method, url, uri=uri, **given)

    def close(self) -> None:
        """Nothing is kept open."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        return None


requests = Requests()
