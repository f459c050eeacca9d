"""
Signatures over what travels: Slack's v0, and Standard Webhooks' v1.

In: raw bytes, a shared secret, the time. Out: headers to send; nothing, or a refusal.
Never: a parsed body, a comparison that takes longer the more is right, or an old signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from soar.domain.errors import BadInput
from soar.domain.secret import Secret

TOLERANCE = 300
"""Seconds by which the time of a signature may differ from ours."""
PREFIX = "whsec_"
SHORTEST, MOST_BYTES = 24, 64
MOST_SIGNATURES = 16
_TIME = re.compile(r"[0-9]{1,12}")
_ID = re.compile(r"[\x21-\x7e]{1,200}")


class BadSignature(Exception):
    """What came in is not from whom it says; the reason is for the log only."""


def new_webhook_secret() -> str:
    """Make a secret as Standard Webhooks writes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def webhook_key(secret: Secret) -> bytes:
    """Return the bytes of a secret, or refuse one that is not of that form."""
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not SHORTEST <= len(key) <= MOST_BYTES:
        raise BadInput(
            "secret", f"must be {PREFIX} and the base64 of {SHORTEST} to {MOST_BYTES} random bytes"
        )
    return key


def sign_webhook(secret: Secret, message_id: str, time: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a signed message."""
    signature = base64.b64encode(_webhook_mac(secret, message_id, str(time), body)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(time),
        "webhook-signature": f"v1,{signature}",
    }


def check_webhook(secret: Secret, headers: Mapping[str, str], body: bytes, *, now: float) -> str:
    """Return the id of a message that was signed with this secret just now."""
    message_id = headers.get("webhook-id", "")
    if not _ID.fullmatch(message_id):
        raise BadSignature("webhook-id is missing or no id")
    moment = _moment(headers.get("webhook-timestamp", ""), now)
    wanted = _webhook_mac(secret, message_id, moment, body)
    found = False
    for each in headers.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]:
        version, _, given = each.partition(",")
        same = hmac.compare_digest(given.encode(), base64.b64encode(wanted))
        found = found or (version == "v1" and same)
    if not found:
        raise BadSignature("no signature is right")
    return message_id


def sign_slack(secret: Secret, time: int, body: bytes) -> str:
    """Return what Slack puts into X-Slack-Signature."""
    text = b"v0:%d:" % time + body
    return "v0=" + hmac.new(secret.reveal().encode(), text, hashlib.sha256).hexdigest()


def check_slack(secret: Secret, headers: Mapping[str, str], body: bytes, *, now: float) -> None:
    """Refuse a request that Slack has not signed with this secret just now."""
    moment = _moment(headers.get("x-slack-request-timestamp", ""), now)
    wanted = sign_slack(secret, int(moment), body)
    given = headers.get("x-slack-signature", "")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise BadSignature("the signature is wrong")


def _webhook_mac(secret: Secret, message_id: str, moment: str, body: bytes) -> bytes:
    text = f"{message_id}.{moment}.".encode() + body
    return hmac.new(webhook_key(secret), text, hashlib.sha256).digest()


def _moment(text: str, now: float) -> str:
    """Return the time of a signature as it was written, if it is close to ours."""
    if not _TIME.fullmatch(text) or (len(text) > 1 and text.startswith("0")):
        raise BadSignature("its time is missing or no number")
    if abs(now - int(text)) > TOLERANCE:
        raise BadSignature("its time is too far from ours")
    return text
