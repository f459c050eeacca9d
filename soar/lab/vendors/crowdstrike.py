"""
A simulated CrowdStrike tenant: OAuth2 tokens, host queries, containment that takes its time.

In: the Falcon API's requests for tokens, hosts and host actions. Out: its envelopes, with
``errors`` and rate-limit headers. Never: an effect on a host.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from soar.lab.simulator import Simulator
from soar.lab.world import Host, World

TOKEN_SECONDS = 1799
LIMIT_PER_MINUTE = 6000
MOST_IDS_PER_ACTION = 100
ENDS = {"containment_pending": "contained", "lift_containment_pending": "normal"}
STARTS = {
    "contain": ("normal", "containment_pending"),
    "lift_containment": ("contained", "lift_containment_pending"),
}
_TERM = re.compile(r"(\w+):(~?)'((?:[^'\\]|\\.)*)'")
_PROPERTIES = {"hostname", "device_id", "local_ip", "platform_name", "status"}


@dataclass(kw_only=True, slots=True)
class Sensor:
    """One host with its containment status and how many reads a pending one still lasts."""

    host: Host
    status: str = "normal"
    reads_left: int = 0


@dataclass
class CrowdStrike(Simulator):
    """One tenant with the hosts of the lab's world."""

    vendor: str = "crowdstrike"
    world: World = field(default_factory=World)
    clock: Callable[[], float] = time.time
    pending_reads: int = 2
    """How many reads of a host see its status pending before the change takes effect."""

    def __post_init__(self) -> None:
        device = "/devices/entities/devices/v2"
        self.routes = (
            Rule("/oauth2/token", methods=["POST"], endpoint=self.token),
            Rule("/oauth2/revoke", methods=["POST"], endpoint=self.revoke),
            Rule("/devices/queries/devices/v1", methods=["GET"], endpoint=self.query),
            Rule(device, methods=["GET", "POST"], endpoint=self.details),
            Rule("/devices/entities/devices-actions/v2", methods=["POST"], endpoint=self.act),
        )
        super().__post_init__()
        self.reset()

    def reset(self) -> None:
        """Make it a tenant that was never talked to."""
        self.sensors = {host.device_id: Sensor(host=host) for host in self.world.hosts}
        self.tokens: dict[str, float] = {}
        self.tokens_given = 0
        self.contain_calls: Counter[str] = Counter()
        self.lift_calls: Counter[str] = Counter()
        self.effects: Counter[str] = Counter()
        self.throttled = 0
        """How many of the next answers are 429."""

    def state(self) -> Mapping[str, Any]:
        """The status of every host, and how often a request was accepted and took effect."""
        return {
            "devices": {s.host.hostname: s.status for s in self.sensors.values()},
            "contain_calls": dict(self.contain_calls),
            "lift_calls": dict(self.lift_calls),
            "containments": dict(self.effects),
            "tokens_given": self.tokens_given,
        }

    def add_host(self, host: Host) -> None:
        """Let one more host report to this tenant."""
        self.sensors[host.device_id] = Sensor(host=host)

    # Tokens

    def token(self, request: Request) -> Response:
        """Give a bearer token to the API client of the world."""
        keys = self.world.keys
        client = request.form.get("client_id"), request.form.get("client_secret")
        if client != (keys["crowdstrike_id"], keys["crowdstrike_secret"]):
            return self._error(403, "access denied, authorization failed")
        text = secrets.token_urlsafe(32)
        self.tokens[text] = self.clock() + TOKEN_SECONDS
        self.tokens_given += 1
        body = {"access_token": text, "expires_in": TOKEN_SECONDS, "token_type": "bearer"}
        return self._json(body, 201)

    def revoke(self, request: Request) -> Response:
        """Forget a token, as falconpy does when it leaves."""
        self.tokens.pop(request.form.get("token", ""), None)
        return self._json(self._envelope([]), 200)

    def _turned_away(self, request: Request) -> Response | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.tokens.get(text, 0) <= self.clock():
            return self._error(401, "access denied, invalid bearer token")
        if self.throttled > 0:
            self.throttled -= 1
            answer = self._error(429, "API rate limit exceeded.")
            answer.headers["X-RateLimit-RetryAfter"] = str(int(self.clock()) + 30)
            return answer
        return None

    # Hosts

    def query(self, request: Request) -> Response:
        """Answer the IDs of the hosts that match an FQL filter."""
        if turned_away := self._turned_away(request):
            return turned_away
        terms = _terms(request.args.get("filter", ""))
        limit, offset = request.args.get("limit", "100"), request.args.get("offset", "0")
        if terms is None:
            return self._error(400, "invalid filter expression supplied")
        if not limit.isdigit() or not 0 < int(limit) <= 5000 or not offset.isdigit():
            return self._error(400, "invalid limit or offset supplied")
        found = [i for i, sensor in self.sensors.items() if _matches(_facts(sensor), terms)]
        page = {"offset": int(offset), "limit": int(limit), "total": len(found)}
        shown = found[int(offset) : int(offset) + int(limit)]
        return self._json(self._envelope(shown, pagination=page), 200)

    def details(self, request: Request) -> Response:
        """Answer hosts by their IDs; each look brings a pending change nearer to its end."""
        if turned_away := self._turned_away(request):
            return turned_away
        ids = _ids(request) if request.method == "POST" else request.args.getlist("ids")
        if not ids:
            return self._error(400, "no device ids supplied")
        found = [self._looked_at(self.sensors[i]) for i in ids if i in self.sensors]
        missing = [i for i in ids if i not in self.sensors]
        errors = [{"code": 404, "message": f"No device found for id {i}"} for i in missing]
        return self._json(self._envelope(found, errors=errors), 200 if found else 404)

    def _looked_at(self, sensor: Sensor) -> dict[str, Any]:
        if sensor.status in ENDS:
            if sensor.reads_left <= 0:
                sensor.status = ENDS[sensor.status]
                self.effects[sensor.host.hostname] += sensor.status == "contained"
            sensor.reads_left -= 1
        return _facts(sensor)

    def act(self, request: Request) -> Response:
        """Begin to contain or release hosts; one that is not in the right state is an error."""
        if turned_away := self._turned_away(request):
            return turned_away
        name, ids = request.args.get("action_name", ""), _ids(request)
        if name not in STARTS:
            return self._error(400, f"action_name {name!r} is not supported")
        if not ids or len(ids) > MOST_IDS_PER_ACTION:
            return self._error(400, f"between 1 and {MOST_IDS_PER_ACTION} ids are required")
        if unknown := [i for i in ids if i not in self.sensors]:
            return self._error(404, f"No device found for id {unknown[0]}")
        if [i for i in ids if self.sensors[i].status != STARTS[name][0]]:
            return self._error(409, f"device is not in a state to {name}")
        for device_id in ids:
            self._begin(self.sensors[device_id], name)
        path = "/devices/entities/devices/v2?ids="
        return self._json(self._envelope([{"id": i, "path": path + i} for i in ids]), 202)

    def _begin(self, sensor: Sensor, name: str) -> None:
        sensor.status = STARTS[name][1]
        sensor.reads_left = self.pending_reads
        calls = self.contain_calls if name == "contain" else self.lift_calls
        calls[sensor.host.hostname] += 1

    # Envelopes

    @staticmethod
    def _envelope(resources: list[Any], *, errors: Any = None, **meta: Any) -> dict[str, Any]:
        meta = {"query_time": 0.01, "trace_id": secrets.token_hex(16), **meta}
        return {"meta": meta, "resources": resources, "errors": errors or []}

    def _error(self, code: int, message: str) -> Response:
        errors = [{"code": code, "message": message}]
        return self._json(self._envelope([], errors=errors), code)

    def _json(self, body: Mapping[str, Any], status: int) -> Response:
        answer = Response(json.dumps(body), status=status, content_type="application/json")
        answer.headers["X-Ratelimit-Limit"] = str(LIMIT_PER_MINUTE)
        answer.headers["X-Ratelimit-Remaining"] = "0" if status == 429 else "5999"
        return answer


def _ids(request: Request) -> list[str]:
    body = request.get_json(silent=True)
    ids = body.get("ids") if isinstance(body, dict) else None
    return [str(i) for i in ids] if isinstance(ids, list) else []


def _terms(text: str) -> list[tuple[str, str]] | None:
    """Read a filter such as ``hostname:'A'+platform_name:'Windows'``; ``None`` if it is not FQL."""
    terms: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if not match or match[1] not in _PROPERTIES:
            return None
        terms.append((match[1], re.sub(r"\\(.)", r"\1", match[3])))
        position = match.end()
        if position < len(text) and text[position] not in "+,":
            return None
        position += 1
    return terms


def _matches(facts: Mapping[str, Any], terms: list[tuple[str, str]]) -> bool:
    return all(str(facts[name]).casefold() == value.casefold() for name, value in terms)


def _facts(sensor: Sensor) -> dict[str, Any]:
    host = sensor.host
    return {
        "device_id": host.device_id,
        "cid": "0123456789abcdef0123456789abcdef",
        "hostname": host.hostname,
        "local_ip": host.local_ip,
        "platform_name": host.platform,
        "os_version": host.os_version,
        "agent_version": "7.20.19011.0",
        "first_seen": "2025-01-01T00:00:00Z",
        "last_seen": "2025-01-01T08:00:00Z",
        "status": sensor.status,
    }


def build(world: World) -> Simulator:
    """Make the tenant of this world."""
    return CrowdStrike(world=world)
