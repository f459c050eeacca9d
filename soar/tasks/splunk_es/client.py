"""
Splunk's REST API as Enterprise Security uses it: the only file of this room that speaks HTTP.

In: an asset (search head, token or user) and notables' ids. Out: reviews, or a failure by name.
Never: text of a caller inside a search, except an id of the known form.

Sources: Splunk ES "Notable Event API reference" (notable_update); Splunk REST API reference
(search/jobs/export, authentication/current-context).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from soar.connector import (
    ActionContext,
    ActionFailed,
    AssetConfig,
    OutcomeUnknown,
    RetryLater,
    Secret,
    VendorSession,
    check,
)

VENDOR = "Splunk"
EVENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9@_.\-]{2,199}")
SEARCH_TIMEOUTS = (5.0, 60.0)  # an export sends nothing until its search has a result
_CHECKED_BY_STATUS = frozenset({401, 408, 425, 429})

Form = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """What Incident Review shows of one notable."""

    event_id: str
    comment: str
    row: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchHead:
    """The search head of one asset."""

    url: str
    http: VendorSession
    days: int
    identity: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, ctx: ActionContext) -> SearchHead:
        """Open the search head an asset names; one without an address fails with a sentence."""
        base = ctx.asset.text("base_url").rstrip("/")
        if not base:
            raise ActionFailed(f"asset {ctx.asset.slug!r} has no base_url")
        days = ctx.asset.number("search_days", 90)
        return cls(url=base, http=ctx.http, days=days, identity=_identity(ctx.asset))

    def who_am_i(self) -> Mapping[str, Any]:
        """Return the asset's user with its roles and capabilities."""
        where = "/services/authentication/current-context"
        reply = self._send("GET", where, params={"output_mode": "json"})
        try:
            return dict(reply.json()["entry"][0]["content"])
        except (ValueError, KeyError, IndexError, TypeError):
            raise ActionFailed(f"{VENDOR} did not answer with JSON: check base_url") from None

    def reviews(self, event_ids: Iterable[str]) -> dict[str, Review]:
        """Return what is known about these notables; an unknown one is missing."""
        listed = ", ".join(f'"{known_form(event_id)}"' for event_id in event_ids)
        search = f"search `notable` | search event_id IN ({listed})"
        form = [
            ("search", f"{search} | fields event_id, status, urgency, owner, comment"),
            ("earliest_time", f"-{self.days}d"),
            ("latest_time", "now"),
            ("preview", "false"),
            ("output_mode", "json"),
        ]
        reply = self._send(
            "POST", "/services/search/jobs/export", writes=False, form=form, timeout=SEARCH_TIMEOUTS
        )
        found = (_review(row) for row in _rows(reply.text))
        return {review.event_id: review for review in found}

    def update(self, event_ids: Iterable[str], changes: Form) -> None:
        """Change notables; Splunk answers 200 also when it refuses, so the body decides."""
        form = [*(("ruleUIDs", event_id) for event_id in event_ids), *changes]
        form.append(("output_mode", "json"))
        reply = self._send("POST", "/services/notable_update", writes=True, form=form)
        try:
            answer = reply.json()
            succeeded, failures = bool(answer["success"]), int(answer.get("failure_count") or 0)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise OutcomeUnknown(f"the answer of {VENDOR} to a write is not readable") from None
        if not succeeded or failures:
            raise ActionFailed(f"{VENDOR} refused the update: {_short(answer.get('message'))}")

    def _send(
        self,
        method: str,
        path: str,
        *,
        writes: bool = False,
        form: Form | None = None,
        **more: Any,
    ) -> requests.Response:
        reply = self.http.call(
            method, self.url + path, writes=writes, data=form, **self.identity, **more
        )
        return _answered(reply, writes=writes)


def _identity(asset: AssetConfig) -> dict[str, Any]:
    """Return how requests identify themselves: a bearer token, or a user with a password."""
    if asset.text("username") and asset.values.get("token") in (None, "", Secret("")):
        password = asset.secret("password").reveal()
        return {"auth": (asset.text("username").encode(), password.encode())}
    return {"headers": {"Authorization": f"Bearer {asset.secret('token').reveal()}"}}


def known_form(event_id: str) -> str:
    """Return an event_id that cannot be anything else inside a search, or fail the action."""
    if not EVENT_ID.fullmatch(event_id):
        raise ActionFailed(f"{event_id[:60]!r} is not the event_id of a notable")
    return event_id


def _answered(reply: requests.Response, *, writes: bool) -> requests.Response:
    """Return a success; every other answer becomes the failure it stands for."""
    code = reply.status_code
    if 300 <= code < 400:
        raise ActionFailed(f"{VENDOR} redirects to another address ({code}): check base_url")
    if 400 <= code < 500 and code not in _CHECKED_BY_STATUS:
        raise ActionFailed(f"{VENDOR} refused the request ({code}): {_reason(reply)}")
    return check(reply, vendor=VENDOR, writes=writes)


def _reason(reply: requests.Response) -> str:
    try:
        return _short(reply.json()["messages"][0]["text"])
    except (ValueError, KeyError, IndexError, TypeError):
        return "no reason given"


def _short(text: object) -> str:
    return " ".join(str(text or "no reason given").split())[:200]


def _rows(text: str) -> Iterator[Mapping[str, Any]]:
    """
    Yield the final results of an export: one JSON object a line.

    A search that ended early may have missed a notable, which must not look like its absence.
    """
    for line in filter(str.strip, text.splitlines()):
        try:
            entry = json.loads(line)
            serious = [m for m in entry.get("messages", ()) if m["type"] in {"FATAL", "ERROR"}]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RetryLater(f"{VENDOR}'s search did not answer with JSON") from None
        if serious:
            raise RetryLater(f"{VENDOR}'s search ended early: {_short(serious[0].get('text'))}")
        if "result" in entry and not entry.get("preview"):
            yield entry["result"]


def _review(row: Mapping[str, Any]) -> Review:
    comment = row.get("comment") or ""
    text = "\n".join(map(str, comment)) if isinstance(comment, list) else str(comment)
    return Review(event_id=str(row.get("event_id", "")), comment=text, row=row)
