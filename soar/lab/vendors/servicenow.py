"""
A ServiceNow instance with three tables: tickets that stay, a read-only one, a plain one.

In: requests of the Table API, Basic authentication. Out: its records and its errors.
Never: a real person's name.

Sources: ServiceNow REST API reference, "Table API"; error bodies as it documents them.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from soar.lab.simulator import Simulator
from soar.lab.world import World

FIRST_NUMBER = 12345
STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed"}
TASK_FIELDS = (
    "sys_id", "number", "short_description", "description", "urgency", "impact", "category",
    "assignment_group", "caller_id", "correlation_id", "correlation_display", "state",
    "close_code", "close_notes", "work_notes", "sys_created_on", "sys_created_by",
)  # fmt: skip

Record = dict[str, str]


def _answer(value: Any, status: int = 200, **headers: str) -> Response:
    response = Response(json.dumps(value), status=status, content_type="application/json")
    response.headers.extend({name.replace("_", "-"): text for name, text in headers.items()})
    return response


def _error(status: int, message: str, detail: str = "", **headers: str) -> Response:
    body = {"error": {"message": message, "detail": detail or None}, "status": "failure"}
    return _answer(body, status, **headers)


def _no_record() -> Response:
    return _error(
        404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
    )


@dataclass
class ServiceNow(Simulator):
    """One instance; ``limited`` answers of the future will be 429."""

    vendor: str = "servicenow"
    username: str = ""
    password: str = ""
    limited: int = 0
    tables: dict[str, list[Record]] = field(default_factory=dict)
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one, many = "/api/now/table/<table>/<sys_id>", "/api/now/table/<table>"
        self.routes = (
            Rule(many, endpoint=self.search, methods=["GET"]),
            Rule(many, endpoint=self.insert, methods=["POST"]),
            Rule(one, endpoint=self.read, methods=["GET"]),
            Rule(one, endpoint=self.change, methods=["PATCH", "PUT"]),
        )
        self.fields = {
            "incident": TASK_FIELDS,
            "problem": TASK_FIELDS,
            "u_plain": ("sys_id", "number", "short_description"),
        }
        self.tables = {"incident": [], "problem": [], "u_plain": []}
        self.tables["u_plain"].append(
            {"sys_id": uuid.UUID(int=7).hex, "number": "PLN0000001", "short_description": "plain"}
        )
        super().__post_init__()

    def state(self) -> dict[str, Any]:
        """Every ticket that was opened."""
        with self.lock:
            return {"tickets": [dict(ticket) for ticket in self.tables["incident"]]}

    def search(self, request: Request, table: str) -> Response:
        """Answer a GET on the table: the records that match an encoded query."""
        refused = self._refused(request, table)
        if refused:
            return refused
        rows = [r for r in self.tables[table] if self._matches(table, r, request)]
        start = int(request.args.get("sysparm_offset", "0"))
        stop = start + int(request.args.get("sysparm_limit", "10000"))
        shown = [_shaped(row, request) for row in rows[start:stop]]
        return _answer({"result": shown}, X_Total_Count=str(len(rows)))

    def read(self, request: Request, table: str, sys_id: str) -> Response:
        """Answer a GET on one record."""
        refused = self._refused(request, table)
        if refused:
            return refused
        record = self._record(table, sys_id)
        return _answer({"result": _shaped(record, request)}) if record else _no_record()

    def insert(self, request: Request, table: str) -> Response:
        """Add a record, as often as it is asked: correlation_id is not unique here."""
        refused = self._refused(request, table, writes=True)
        if refused:
            return refused
        number = FIRST_NUMBER + len(self.tables[table])
        record = dict.fromkeys(self.fields[table], "")
        record |= {"sys_id": uuid.uuid4().hex, "number": f"INC{number:07}", "state": "1"}
        record |= {"urgency": "3", "impact": "3", "sys_created_by": self.username}
        self._fill(table, record, request.get_json())
        self.tables[table].append(record)
        where = f"{request.base_url.rstrip('/')}/{record['sys_id']}"
        return _answer({"result": _shaped(record, request)}, 201, Location=where)

    def change(self, request: Request, table: str, sys_id: str) -> Response:
        """Set fields of a record; work notes are a journal and only grow."""
        refused = self._refused(request, table, writes=True)
        if refused:
            return refused
        record = self._record(table, sys_id)
        if record is None:
            return _no_record()
        self._fill(table, record, request.get_json())
        return _answer({"result": _shaped(record, request)})

    def _fill(self, table: str, record: Record, given: dict[str, Any]) -> None:
        for name in self.fields[table]:
            if name not in given:
                continue
            entry = str(given[name])
            record[name] = f"{entry}\n\n{record[name]}" if name == "work_notes" else entry

    def _record(self, table: str, sys_id: str) -> Record | None:
        return next((r for r in self.tables[table] if r["sys_id"] == sys_id), None)

    def _refused(self, request: Request, table: str, *, writes: bool = False) -> Response | None:
        if self.limited > 0:
            self.limited -= 1
            return _error(429, "Rate limit exceeded", "Too many requests", Retry_After="7")
        given = request.authorization
        if not given or (given.username, given.password) != (self.username, self.password):
            return _error(401, "User Not Authenticated", "Required to provide Auth information")
        if table not in self.tables:
            return _error(400, f"Invalid table {table}")
        if writes and table == "problem":
            detail = "ACL Exception Insert Failed due to security constraints"
            return _error(403, "Operation Failed", detail)
        return None

    def _matches(self, table: str, record: Record, request: Request) -> bool:
        """Judge an encoded query; a condition on an unknown field is ignored, as on a real one."""
        result = True
        for term in request.args.get("sysparm_query", "").split("^"):
            alternative = term.startswith("OR") and not term.startswith("ORDERBY")
            name, equals, value = term.removeprefix("OR" if alternative else "").partition("=")
            if not equals or name not in self.fields[table]:
                continue
            met = record.get(name, "").lower() == value.lower()
            result = result or met if alternative else result and met
        return result


def _shaped(record: Record, request: Request) -> dict[str, Any]:
    """Give each field as ``sysparm_display_value`` asks: the journal's text only as display."""
    shown = {**record, "state": STATES.get(record.get("state", ""), record.get("state", ""))}
    stored = {name: "" if name == "work_notes" else value for name, value in record.items()}
    match request.args.get("sysparm_display_value", "false"):
        case "true":
            return dict(shown)
        case "all":
            return {n: {"value": stored[n], "display_value": shown[n]} for n in record}
        case _:
            return dict(stored)


def build(world: World) -> Simulator:
    """Make the instance that the world's ServiceNow user may write to."""
    return ServiceNow(
        username=world.keys["servicenow_user"], password=world.keys["servicenow_password"]
    )
