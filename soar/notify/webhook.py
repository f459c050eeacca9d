"""
Carries notices to somebody's server, signed as Standard Webhooks wants it.

In: an errand. Out: one POST with webhook-id, webhook-timestamp and webhook-signature.
Never: a redirect followed, or an answer above 299 taken for a delivery.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from soar.domain.shapes import stamp
from soar.domain.waits import retry_after
from soar.notify.errand import Errand, NotSent, secret, text
from soar.notify.post import post
from soar.notify.signatures import sign_webhook
from soar.notify.telling import document

GONE = 410


def carry(errand: Errand) -> str:
    """Send a notice; its id is the same on every try."""
    body = document(errand.question, errand.told, time=errand.notice["create_time"])
    _post(errand.settings, errand.key, body)
    return errand.key


def probe(settings: Mapping[str, Any], _to: str) -> str:
    """Send a message that says nothing but that it is a test."""
    now = datetime.now(UTC)
    body: dict[str, Any] = {"type": "channel.test", "timestamp": stamp(now), "data": {}}
    _post(settings, f"test-{int(now.timestamp())}", body)
    return f"{text(settings, 'url')} took a signed test message"


def _post(settings: Mapping[str, Any], key: str, document: Mapping[str, Any]) -> None:
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = sign_webhook(secret(settings, "secret"), key, int(time.time()), body)
    reply = post(text(settings, "url"), body, headers, ca_file=text(settings, "ca_file"))
    if not 200 <= reply.status < 300:
        raise NotSent(
            f"the receiver answered {reply.status}",
            after=retry_after(reply.headers),
            final=reply.status == GONE,
        )
