"""
Hears signed answers of other systems, each of which a person sends with their own token.

In: a request as it came, the channel that its address names, a token. Out: an answer through
``soar.approvals``. Never: an answer by signature alone: it says which system spoke, and a system
decides nothing.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

from soar import access, approvals
from soar.access import NotAuthenticated
from soar.domain.errors import BadInput, NotAllowed, NotFound, SoarError
from soar.notify.errand import secret
from soar.notify.signatures import BadSignature, check_webhook
from soar.signing import Signer
from soar.store.rows import Row
from soar.store.work import Work
from soar.telemetry import log
from soar.vault import Vault

LARGEST = 64 * 1024
FIELDS = ("approval", "choice", "reason", "payload_digest", "user")
NEEDED = ("approval", "choice", "payload_digest", "user")
REFUSED = "the signature of this request does not count here"


def hear(
    work: Work,
    name: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    token: str,
    address: str,
    vault: Vault,
    signer: Signer,
    now: float,
) -> dict[str, Any]:
    """Take an answer: signed by the channel's secret, sent with the token of who decides."""
    channel, message_id = _verified(work, name, headers, body, vault, now)
    person = access.authenticate(work, token, address=address)
    given = _read(body)
    if not hmac.compare_digest(given["user"].encode(), person.username.encode()):
        raise NotAllowed(f"user: the token is {person.username}'s, who answers for nobody by this")
    if not work.channels.receive(f"webhook {channel['id']}", message_id):
        return {"success": True, "duplicate": True, "message": "this message was heard before"}
    done = approvals.answer(
        work,
        work.notices.asked(given["approval"]),
        by=person,
        choice=given["choice"],
        signer=signer,
        channel="webhook",
        shown=given["payload_digest"],
        reason=given["reason"],
    )
    return {
        "success": True,
        "duplicate": False,
        "approval": done["public_id"],
        "choice": done["signed"]["choice"],
        "answered_by": done["signed"]["by"],
        "missing": done["missing"],
        "message": approvals.said(done),
    }


def _verified(
    work: Work, name: str, headers: Mapping[str, str], body: bytes, vault: Vault, now: float
) -> tuple[Row, str]:
    try:
        row = work.channels.get(name)
        if row["kind"] != "webhook":
            raise NotFound(name)
        settings = vault.open_all(row["configuration"])
        return row, check_webhook(secret(settings, "secret"), headers, body, now=now)
    except (BadSignature, SoarError) as error:
        why = str(error) if isinstance(error, BadSignature) else type(error).__name__
        log.warning("hook_refused", hook="webhook", why=why)
        raise NotAuthenticated(REFUSED) from None


def _read(body: bytes) -> dict[str, str]:
    try:
        raw = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise BadInput("body", "is not JSON") from None
    if not isinstance(raw, dict):
        raise BadInput("body", "must be a JSON object")
    for field in raw:
        if field not in FIELDS:
            raise BadInput(field[:80], f"is no field of an answer; known: {', '.join(FIELDS)}")
    found = {field: raw.get(field) or "" for field in FIELDS}
    for field, value in found.items():
        if not isinstance(value, str) or len(value) > 2000:
            raise BadInput(field, "must be a text of at most 2000 characters")
        if field in NEEDED and not value.strip():
            raise BadInput(field, "is missing")
    return found
