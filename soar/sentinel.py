"""
Where Redis is: one server, or whichever the Sentinels say leads.

In: ``SOAR_REDIS_URL``; for Sentinels, ``sentinel://:PASSWORD@HOST:26379;sentinel://…/0?master=NAME``.
Out: a client that follows a failover, and the form in which kombu wants the same.
Never: a password in a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from soar.domain.errors import BadInput
from soar.domain.secret import Secret

SCHEME = "sentinel"
ASK_SECONDS = 2.0
"""So long a Sentinel may take to say who leads; then the next one is asked."""
GLANCE = timedelta(seconds=0.4)
"""So long a person's question waits for Redis; the answer then says that it is away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A master by its name, with the Sentinels that know where it is."""

    nodes: tuple[tuple[str, int], ...]
    master: str
    username: str
    password: Secret
    db: int


def is_watched(url: str) -> bool:
    """Tell whether a URL names Sentinels instead of a server."""
    return url.startswith(f"{SCHEME}://")


def parse(url: str) -> Watched:
    """Read a URL that names Sentinels; one that cannot be used is not shown."""
    parts = [urlsplit(part.strip()) for part in url.split(";") if part.strip()]
    try:
        nodes = tuple((part.hostname or "", part.port or 26379) for part in parts)
        db = int(_first(parts, "path").strip("/") or 0)
    except ValueError:
        raise BadInput("SOAR_REDIS_URL", "has a port or database that is no number") from None
    master = parse_qs(_first(parts, "query")).get("master", [""])[0]
    if not master or not all(host for host, _ in nodes) or {p.scheme for p in parts} != {SCHEME}:
        raise BadInput(
            "SOAR_REDIS_URL", "must be sentinel://HOST:26379;sentinel://HOST:26379/0?master=NAME"
        )
    return Watched(
        nodes=nodes,
        master=master,
        username=unquote(_first(parts, "username")),
        password=Secret(unquote(_first(parts, "password"))),
        db=db,
    )


def _first(parts: list[SplitResult], name: str) -> str:
    """Return what the first of the parts says that says anything."""
    return next((str(value) for part in parts if (value := getattr(part, name))), "")


def client(url: str, **options: Any) -> redis.Redis:
    """Open a client of the master; each new connection asks the Sentinels who that is."""
    watched = parse(url)
    own = {"socket_timeout": ASK_SECONDS, "socket_connect_timeout": ASK_SECONDS}
    known = Sentinel(list(watched.nodes), sentinel_kwargs=own)  # type: ignore[no-untyped-call]
    found: redis.Redis = known.master_for(  # type: ignore[no-untyped-call]
        watched.master,
        db=watched.db,
        username=watched.username or None,
        password=watched.password.reveal() or None,
        **options,
    )
    return found


def broker_url(url: str) -> str:
    """Return the URL as kombu reads it: every Sentinel with login and database."""
    if not is_watched(url):
        return url
    watched = parse(url)
    password = watched.password.reveal()
    login = f"{quote(watched.username, '')}:{quote(password, '')}@" if password else ""
    return ";".join(f"{SCHEME}://{login}{h}:{p}/{watched.db}" for h, p in watched.nodes)


def transport(url: str) -> dict[str, Any]:
    """Return what kombu must know besides the URL."""
    if not is_watched(url):
        return {}
    own = {"socket_timeout": ASK_SECONDS, "socket_connect_timeout": ASK_SECONDS}
    return {"master_name": parse(url).master, "sentinel_kwargs": own}


def connect(url: str, *, seconds: float = 10.0) -> redis.Redis:
    """Open a client with bounded waits: a repeat of its own would multiply them."""
    return opened(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=min(3.0, seconds),
        health_check_interval=30,
        retry=Retry(NoBackoff(), 0),
    )


def glance(url: str) -> redis.Redis:
    """Open a client for somebody who is waiting for an answer: it gives up soon, at once."""
    wait = GLANCE.total_seconds()
    return opened(
        url, socket_timeout=wait, socket_connect_timeout=wait, retry=Retry(NoBackoff(), 0)
    )


def opened(url: str, **options: Any) -> redis.Redis:
    """Open a client of the server, or of whichever the Sentinels say leads."""
    if is_watched(url):
        return client(url, **options)
    found: redis.Redis = redis.Redis.from_url(url, **options)
    return found
