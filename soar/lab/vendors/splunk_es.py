"""
A Splunk search head with Enterprise Security: a few notables, their reviews, a tiny search.

In: requests of Splunk's REST API, with a token or Basic. Out: its answers and its errors.
Never: SPL beyond one `notable` search by event_id.

Sources: Splunk ES "Notable Event API reference"; Splunk REST API reference.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from soar.lab.simulator import Simulator
from soar.lab.world import BAD_HASH, World

USERNAME = "soar"
URGENCIES = ("informational", "low", "medium", "high", "critical")
INDEX = "3F2A9C61-5D0B-4E1C-9A77-0C5E2B1D8F40@@notable@@"

Notable = dict[str, Any]


def _answer(value: Any, status: int = 200, **headers: str) -> Response:
    response = Response(json.dumps(value), status=status, content_type="application/json")
    response.headers.extend({name.replace("_", "-"): text for name, text in headers.items()})
    return response


def _message(status: int, text: str, kind: str = "ERROR", **headers: str) -> Response:
    return _answer({"messages": [{"type": kind, "text": text}]}, status, **headers)


def known_notables(world: World) -> dict[str, Notable]:
    """Return the notables of this small world, by event_id."""
    host, person = world.hosts[0], world.people[0]
    address = next(ip for ip, known in world.addresses.items() if known.opinion.malicious)
    shared = {"status": "1", "owner": "unassigned", "comment": "", "disposition": ""}
    given: tuple[Notable, ...] = (
        {
            "rule_name": "Threat - Phishing Link Clicked - Rule",
            "rule_title": "Phishing link clicked",
            "urgency": "high",
            "security_domain": "threat",
            "src": host.local_ip,
            "src_host": host.hostname,
            "user": person.username,
            "dest": address,
            "dest_domain": "evil.example",
            "url": next(iter(world.urls)),
        },
        {
            "rule_name": "Endpoint - Known Malware - Rule",
            "rule_title": "Known malware on a host",
            "urgency": "critical",
            "security_domain": "endpoint",
            "dest": host.hostname,
            "file_hash": BAD_HASH,
            "user": person.username,
        },
        {
            "rule_name": "Access - Excessive Failed Logins - Rule",
            "rule_title": "Many failed logins",
            "urgency": "medium",
            "security_domain": "access",
            "src": address,
            "dest": world.hosts[-1].hostname,
            "src_user": "unknown",
            "user": [other.username for other in world.people],
        },
        {
            "rule_name": "Network - Beaconing to a Rare Domain - Rule",
            "rule_title": "Beaconing to a rare domain",
            "urgency": "high",
            "security_domain": "network",
            "src": list(world.addresses)[-1],
            "src_host": world.hosts[1].hostname,
            "user": world.people[1].username,
            "dest_domain": "c2.evil.example",
        },
    )
    notables = (
        {"event_id": f"{INDEX}{n:032x}", "_time": f"2026-03-02T08:1{n}:00.000+00:00"}
        | shared
        | notable
        for n, notable in enumerate(given)
    )
    return {notable["event_id"]: notable for notable in notables}


@dataclass
class SplunkES(Simulator):
    """One search head; ``limited`` answers of the future will be 429."""

    vendor: str = "splunk_es"
    token: str = ""
    limited: int = 0
    capabilities: tuple[str, ...] = ("search", "edit_notable_events")
    notables: dict[str, Notable] = field(default_factory=dict)
    history: list[dict[str, str]] = field(default_factory=list)
    """Every review, in order: a repeated update leaves a second line here."""

    def __post_init__(self) -> None:
        who = "/services/authentication/current-context"
        self.routes = (
            Rule(who, endpoint=self.current_context, methods=["GET"]),
            Rule("/services/notable_update", endpoint=self.notable_update, methods=["POST"]),
            Rule("/services/search/jobs/export", endpoint=self.export, methods=["POST"]),
        )
        super().__post_init__()

    def state(self) -> dict[str, Any]:
        """Every notable as Incident Review shows it, and every review so far."""
        with self.lock:
            return {
                "notables": {key: dict(value) for key, value in self.notables.items()},
                "reviews": [dict(review) for review in self.history],
            }

    def current_context(self, request: Request) -> Response:
        """Tell who asks."""
        content = {"username": USERNAME, "capabilities": list(self.capabilities)}
        return self._refused(request) or _answer({"entry": [{"content": content}]})

    def notable_update(self, request: Request) -> Response:
        """Update notables; refusals are 200 with ``success: false``, unknown ids are accepted."""
        refused = self._refused(request)
        if refused:
            return refused
        if "edit_notable_events" not in self.capabilities:
            return _message(403, "insufficient permission to access this resource")
        ids, given = request.form.getlist("ruleUIDs"), request.form
        wrong = _wrong(ids, given.get("status", ""), given.get("urgency", ""))
        if wrong:
            return _answer({"success": False, "message": wrong, "failure_count": len(ids)})
        for event_id in ids:
            self._review(event_id, given.to_dict())
        text = f"{len(ids)} event{'' if len(ids) == 1 else 's'} updated successfully"
        counts = {"success_count": len(ids), "failure_count": 0}
        return _answer({"success": True, "message": text, "details": {}, **counts})

    def export(self, request: Request) -> Response:
        """Run the one search this search head knows."""
        refused = self._refused(request)
        if refused:
            return refused
        search = request.form.get("search", "")
        asked = re.fullmatch(
            r"search `notable` \| search event_id(?:=| IN \()(.*?)\)?( \| fields [\w, ]+)?", search
        )
        if asked is None:
            return _message(400, "Error in 'search' command: Unable to parse the search.", "FATAL")
        ids = re.findall(r'"([^"]*)"', asked[1])
        rows = [self.notables[event_id] for event_id in ids if event_id in self.notables]
        lines = [{"preview": False, "offset": n, "result": row} for n, row in enumerate(rows)]
        body = "\n".join(json.dumps(line) for line in lines or [{"preview": False}])
        return Response(body, content_type="application/json")

    def _review(self, event_id: str, given: dict[str, str]) -> None:
        names = {"status": "status", "urgency": "urgency", "newOwner": "owner"}
        names |= {"comment": "comment", "disposition": "disposition"}
        changes = {names[name]: value for name, value in given.items() if name in names}
        self.history.append({"event_id": event_id, **changes})
        if event_id in self.notables:
            self.notables[event_id] |= changes

    def _refused(self, request: Request) -> Response | None:
        if self.limited > 0:
            self.limited -= 1
            return _message(429, "Too many requests", Retry_After="11")
        given = request.authorization
        if given and given.type == "bearer" and given.token == self.token:
            return None
        if given and (given.username, given.password) == (USERNAME, self.token):
            return None
        return _message(401, "call not properly authenticated", "WARN")


def _wrong(ids: list[str], status: str, urgency: str) -> str:
    if not ids:
        return "Either searchID or ruleUIDs must be specified"
    if status and (not status.isdecimal() or int(status) > 5):
        return f"Status {status} is not valid"
    if urgency and urgency not in URGENCIES:
        return f"Urgency {urgency} is not valid"
    return ""


def build(world: World) -> Simulator:
    """Make the search head that the world's token may use."""
    return SplunkES(token=world.keys["splunk_token"], notables=known_notables(world))
