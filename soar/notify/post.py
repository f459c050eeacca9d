"""
One HTTP request to a channel's server: verified, bounded, never redirected.

In: an address that was checked when it was set, headers, a body. Out: status, headers and the
first 64 KiB of the answer. Never: a redirect followed (it would carry a token elsewhere), a proxy
or CA of the machine's environment, or a request that outlasts its deadline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from soar.deadline import current
from soar.domain.waits import retry_after
from soar.notify.errand import NotSent
from soar.wire import DeadlineAdapter, stand_behind

TIMEOUTS = (5.0, 10.0)
LARGEST = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], *, ca_file: str) -> Reply:
    """Send a body; a server that cannot be reached or asks to wait is :class:`NotSent`."""
    host = urlsplit(url).hostname or "the server"
    stand_behind(lambda: None)
    try:
        with _session(ca_file) as session:
            reply = _send(session, url, body, headers)
    except requests.exceptions.SSLError:
        raise NotSent(f"TLS to {host} failed: is its certificate trusted (ca_file)?") from None
    except requests.RequestException:
        raise NotSent(f"{host} could not be reached, or gave no whole answer") from None
    except OSError:
        raise NotSent("the channel's ca_file cannot be read") from None
    deadline = current()
    if deadline is not None and deadline.over:  # it was cut: an answer may end anywhere
        raise NotSent(f"{host} gave no whole answer in {deadline.seconds:g} s")
    if reply.status == 429:
        raise NotSent(f"{host} asks to wait (429)", after=retry_after(reply.headers))
    return reply


def _session(ca_file: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_file or True
    for scheme in ("https://", "http://"):
        session.mount(scheme, DeadlineAdapter())
    return session


def _send(session: requests.Session, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    given = {"User-Agent": "soar-celery", "Content-Type": "application/json", **headers}
    with session.post(
        url, data=body, headers=given, timeout=TIMEOUTS, allow_redirects=False, stream=True
    ) as answer:
        read = bytearray()
        for chunk in answer.iter_content(8192):
            read += chunk
            if len(read) >= LARGEST:
                break
        return Reply(status=answer.status_code, headers=answer.headers, body=bytes(read[:LARGEST]))
