"""
A Slack of the test's own: it takes our messages, and presses their buttons as people do.

In: a channel set up on it. Out: messages as they stand, requests signed by Slack's own library.
Never: a check of ours used to judge ours.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier

from tests.integration.notify.stage import Got, Office, Receiver

TEAM, CHANNEL = "T0TEAM", "C0ROOM"
TOKEN, SECRET = "xoxb-" + "1" * 20, "8f742231b10e8888abcd99yyyzzz85a5"
_numbers = itertools.count(1)


@dataclass
class Workspace:
    """What stands in the channel, and who may press what."""

    receiver: Receiver
    hooks: str
    """The address that Slack sends presses to."""
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    whispers: list[tuple[str, str]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    """What the next calls are answered instead."""
    methods: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.receiver.respond = self._respond

    def set_up(self, office: Office, name: str = "chat", **more: str) -> Any:
        """Set up a channel on this workspace."""
        settings = {
            "channel": CHANNEL,
            "team": TEAM,
            "bot_token": TOKEN,
            "signing_secret": SECRET,
            "base_url": self.receiver.url.removesuffix("/hook") + "/api",
        }
        return office.channel(name, "slack", **{**settings, **more})

    def _respond(self, got: Got) -> tuple[int, dict[str, str], bytes]:
        method = got.path.removeprefix("/api/")
        self.methods.append(method)
        if self.failures:
            answer = self.failures.pop(0)
        elif got.headers["authorization"] != f"Bearer {TOKEN}":
            answer = {"ok": False, "error": "invalid_auth"}
        else:
            answer = {"ok": True, **self._do(method, got.document)}
        return 200, {}, json.dumps(answer).encode()

    def _do(self, method: str, message: dict[str, Any]) -> dict[str, Any]:
        for block in Block.parse_all(message.get("blocks", [])):
            block.to_dict()  # raises where Slack would refuse it
        match method:
            case "auth.test":
                return {"team_id": TEAM}
            case "chat.postMessage":
                moment = f"1700000000.{next(_numbers):06d}"
                self.messages[moment] = message
                return {"channel": message["channel"], "ts": moment}
            case "chat.update":
                self.messages[message["ts"]] = message
                return {"channel": message["channel"], "ts": message["ts"]}
            case "chat.postEphemeral":
                self.whispers.append((message["user"], message["text"]))
                return {}
        raise AssertionError(method)

    def buttons(self, message: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """Return the buttons of a message (the only one), by what stands on them."""
        if message is None:
            (message,) = self.messages.values()
        found = [b for block in message["blocks"] for b in block.get("elements", [])]
        return {b["text"]["text"]: b for b in found}

    def press(self, label: str, *, user: str = "U0ADA", **more: Any) -> requests.Response:
        """Press the button of the only message, as Slack tells us of it."""
        return self.send(self.payload(self.buttons()[label], user=user, **more))

    def payload(
        self, button: dict[str, Any], *, user: str = "U0ADA", team: str = TEAM, **more: Any
    ) -> dict[str, Any]:
        """Return what Slack says of a press."""
        number = next(_numbers)
        return {
            "type": "block_actions",
            "team": {"id": team, "domain": "soc"},
            "user": {"id": user, "username": "root", "name": "root", "team_id": team},
            "api_app_id": "A0APP",
            "trigger_id": f"{number}.{number}.abc",
            "response_url": "https://evil.example/",
            "channel": {"id": CHANNEL, "name": "soc"},
            "actions": [
                {
                    "type": "button",
                    "action_id": button["action_id"],
                    "value": button.get("value", ""),
                    "action_ts": f"1700000001.{number:06d}",
                }
            ],
            **more,
        }

    def send(
        self,
        payload: dict[str, Any],
        *,
        secret: str = SECRET,
        at: float | None = None,
        change: Callable[[bytes], bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send a payload as Slack does; *change* makes another body of the signed one."""
        body = urlencode({"payload": json.dumps(payload)}).encode()
        moment = str(int(time.time() if at is None else at))
        signature = SignatureVerifier(secret).generate_signature(timestamp=moment, body=body)
        given = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": moment,
            "X-Slack-Signature": str(signature),
        }
        given = given if headers is None else {**given, **headers}
        sent = change(body) if change else body
        return requests.post(f"{self.hooks}/hooks/slack", data=sent, headers=given, timeout=30)
