"""
ServiceNow's Table API: the only file of this room that speaks HTTP.

In: an asset (instance, user, table) and fields. Out: records, or a failure by its name.
Never: a record the query did not ask for, or a value that can change a query.

Sources: ServiceNow REST API reference, "Table API"; "Encoded query strings".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from soar.connector import (
    ActionContext,
    ActionFailed,
    OutcomeUnknown,
    RetryLater,
    Secret,
    VendorSession,
    check,
)

VENDOR = "ServiceNow"
SYS_ID = re.compile(r"[0-9a-f]{32}")
NUMBER = re.compile(r"[A-Z]{2,10}[0-9]{3,15}")
CORRELATION_LENGTH = 100
"""Length of ``task.correlation_id``; a longer one would be cut and never found again."""
_CHECKED_BY_STATUS = frozenset({401, 408, 425, 429})


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One record: each field as stored, and as people see it."""

    values: Mapping[str, str]
    shown: Mapping[str, str]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Record:
        """Read a record of any ``sysparm_display_value``: text, or an object with its value."""
        cells = {name: v if isinstance(v, dict) else {"value": v} for name, v in raw.items()}
        values = {name: _text(cell.get("value")) for name, cell in cells.items()}
        shown = {n: _text(cell.get("display_value", values[n])) for n, cell in cells.items()}
        return cls(values=values, shown=shown)

    def holds(self, field: str, value: str) -> bool:
        """Tell whether a field has that value, in either of its two forms."""
        return value in (self.values.get(field), self.shown.get(field))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The table of tickets on the asset's instance."""

    url: str
    name: str
    username: str
    password: Secret
    http: VendorSession

    @classmethod
    def of(cls, ctx: ActionContext) -> Table:
        """Open the table an asset names; an asset without an address fails with a sentence."""
        base, name = ctx.asset.text("base_url").rstrip("/"), ctx.asset.text("table", "incident")
        if not base:
            raise ActionFailed(f"asset {ctx.asset.slug!r} has no base_url")
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise ActionFailed(f"table {name!r} is not the name of a table")
        return cls(
            url=f"{base}/api/now/table/{name}",
            name=name,
            username=ctx.asset.text("username"),
            password=ctx.asset.secret("password"),
            http=ctx.http,
        )

    def insert(self, fields: Mapping[str, str]) -> Record:
        """Add one record; the table API has no key against doing it twice."""
        return Record.of(self._send("POST", self.url, json=dict(fields)))

    def change(self, sys_id: str, fields: Mapping[str, str]) -> Record:
        """Set fields of one record."""
        return Record.of(self._send("PATCH", f"{self.url}/{sys_id}", json=dict(fields)))

    def any(self) -> list[Record]:
        """Return one record, or none from an empty table."""
        return [Record.of(row) for row in self._send("GET", self.url, {"sysparm_limit": "1"})]

    def ticket(self, id: str) -> Record:
        """Return the ticket with that number or sys_id; one that does not exist is a failure."""
        if SYS_ID.fullmatch(id.lower()):
            return Record.of(self._send("GET", f"{self.url}/{id.lower()}"))
        if not NUMBER.fullmatch(id.upper()):
            raise ActionFailed(
                f"{id[:60]!r} is neither a ticket number such as INC0012345 nor a sys_id"
            )
        found = self.find("number", id.upper())
        if found is None:
            raise ActionFailed(f"{VENDOR} has no ticket {id.upper()}")
        return found

    def find(self, field: str, value: str) -> Record | None:
        """
        Return the oldest record whose field is exactly *value*.

        ServiceNow ignores a query on a field it does not have and returns everything, unless
        ``glide.invalid_query.returns_no_rows`` is set: so each returned record is compared.
        """
        query = f"{field}={query_value(field, value)}^ORDERBYsys_created_on"
        rows = self._send("GET", self.url, {"sysparm_query": query, "sysparm_limit": "10"})
        records = [Record.of(row) for row in rows]
        if any(r.values.get(field, "").casefold() != value.casefold() for r in records):
            raise ActionFailed(f"table {self.name!r} cannot be searched by {field!r}")
        return next((record for record in records if record.values[field] == value), None)

    def _send(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None = None,
        json: dict[str, str] | None = None,
    ) -> Any:
        """Send one request and return its ``result``, with both forms of each field."""
        response = self.http.call(
            method,
            url,
            params={"sysparm_display_value": "all", **(query or {})},
            json=json,
            auth=(self.username.encode(), self.password.reveal().encode()),
            headers={"Accept": "application/json"},
        )
        return _result(response, writes=method != "GET")


def query_value(field: str, value: str) -> str:
    """
    Return a value that an encoded query takes as text, or fail the action.

    ``^`` ends a condition and has no escape; ``javascript:`` makes the server run the rest.
    """
    if "^" in value or not value.isprintable() or value.lower().lstrip().startswith("javascript:"):
        raise ActionFailed(f"{field} {value[:60]!r} holds characters that a query cannot hold")
    return value


def _result(response: requests.Response, *, writes: bool) -> Any:
    """Return the answer's ``result``; every other answer becomes the failure it stands for."""
    code = response.status_code
    if 300 <= code < 400:
        raise ActionFailed(f"{VENDOR} redirects to another address ({code}): check base_url")
    if 400 <= code < 500 and code not in _CHECKED_BY_STATUS:
        raise ActionFailed(f"{VENDOR} refused the request ({code}): {_reason(response)}")
    check(response, vendor=VENDOR, writes=writes)
    try:
        return response.json()["result"]
    except (ValueError, KeyError, TypeError):
        if writes:
            raise OutcomeUnknown(f"the answer of {VENDOR} to a write is not readable") from None
        raise RetryLater(f"{VENDOR} did not answer with JSON: is the instance awake?") from None


def _reason(response: requests.Response) -> str:
    """Return what the error's body says, in at most 200 characters."""
    try:
        error = response.json()["error"]
        words = [str(error[part]) for part in ("message", "detail") if error.get(part)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no reason given"
    return " ".join(": ".join(words).split())[:200] or "no reason given"
