"""
Hears buttons that people press in Slack, and answers as the person who is linked.

In: a request as it came, headers and raw bytes. Out: an answer through ``soar.approvals``, or a
word to the one who pressed.
Never: a body read before its signature is checked, a press heard twice, a person guessed from a
name, or a high-impact question decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from soar import approvals
from soar.access import NotAuthenticated
from soar.domain.errors import BadInput, Conflict, NotAllowed, SoarError
from soar.domain.model import Person
from soar.notify import links
from soar.notify.errand import secret
from soar.notify.signatures import BadSignature, check_slack
from soar.notify.slack import ANSWER
from soar.signing import Signer
from soar.store.people import person_of
from soar.store.rows import Row
from soar.store.work import Work
from soar.telemetry import log
from soar.vault import Vault

LARGEST = 256 * 1024
NOT_LINKED = (
    "You are not linked: ask your administrator to run `soar channel link` with your member id,"
    " {user}. Nothing was decided."
)
DANGEROUS = "This is decided on its page only, after you have logged in. Nothing was decided."
_ID = re.compile(r"[A-Z0-9]{2,30}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """One button, pressed by somebody."""

    team: str
    user: str
    value: str
    trigger: str
    moment: str


def hear(
    work: Work,
    headers: Mapping[str, str],
    body: bytes,
    *,
    vault: Vault,
    signer: Signer,
    now: float,
) -> None:
    """Take a request of Slack's: answer as its presser, or plan to tell them why not."""
    channels = _verified(work, headers, body, vault, now)
    press = _read(body)
    if press is None:
        return
    if press.team not in {row["configuration"]["team"] for row in channels}:
        log.warning("hook_refused", hook="slack", why="it is of another team")
        raise NotAuthenticated("the request is of another team")
    if not _is_new(work, press):
        return
    link = links.named(work, press.value, links.BUTTON)
    own = {r["id"] for r in channels if r["configuration"]["team"] == press.team}
    if link is None or link["channel_id"] not in own:
        log.warning("hook_refused", hook="slack", why="its button is not known")
        return
    _answer(work, press, link, signer)


def _answer(work: Work, press: Press, link: Row, signer: Signer) -> None:
    try:
        with work.attempt():
            approvals.answer(
                work,
                link["approval_id"],
                by=_person(work, press),
                choice=_choice(link),
                signer=signer,
                channel="slack",
                shown=link["payload_digest"],
            )
    except (NotAllowed, Conflict, BadInput) as error:
        log.warning("answer_refused", hook="slack", approval=link["approval_id"])
        work.notices.reply(link["approval_id"], link["channel_id"], press.user, str(error))


def _choice(link: Row) -> str:
    """Return what a button stands for; where something dangerous depends on it, it is refused."""
    if any(link["payload"].get("effects", {}).values()):
        raise NotAllowed(DANGEROUS)
    return str(link["choice"])


def _person(work: Work, press: Press) -> Person:
    row = work.channels.whose("slack", f"{press.team}/{press.user}")
    if row is None:
        raise NotAllowed(NOT_LINKED.format(user=press.user))
    return person_of(row)


def _is_new(work: Work, press: Press) -> bool:
    """Note a press; Slack sends one again, and somebody else may."""
    trigger = work.channels.receive("slack trigger", press.trigger)
    action = work.channels.receive("slack action", f"{press.team}/{press.user}/{press.moment}")
    return trigger and action


def _verified(
    work: Work, headers: Mapping[str, str], body: bytes, vault: Vault, now: float
) -> list[Row]:
    """Return the channels with whose secret a request was signed."""
    found, why = [], "there is no Slack channel"
    for row in work.channels.all("slack"):
        try:
            settings = vault.open_all(row["configuration"])
            check_slack(secret(settings, "signing_secret"), headers, body, now=now)
        except BadSignature as error:
            why = str(error)
        except SoarError as error:
            why = type(error).__name__
        else:
            found.append(row)
    if not found:
        log.warning("hook_refused", hook="slack", why=why)
        raise NotAuthenticated("the signature of this request does not count here")
    return found


def _read(body: bytes) -> Press | None:
    """Return the press that a signed body tells of; None for all else that Slack tells."""
    try:
        (text,) = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"]
        payload = json.loads(text)
        if payload["type"] != "block_actions":
            return None
        (action,) = payload["actions"]
        if not str(action["action_id"]).startswith(ANSWER):
            return None
        user, team = payload["user"], _an_id(payload["team"]["id"])
        press = Press(
            team=_an_id(user.get("team_id") or team),
            user=_an_id(user["id"]),
            value=_text(action["value"]),
            trigger=_text(payload["trigger_id"]),
            moment=_text(action["action_ts"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput("payload", "is not what Slack sends when a button is pressed") from None
    if team != press.team:  # a guest of a shared channel
        raise NotAuthenticated("the request is of another team")
    return press


def _an_id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError("no id")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 200 or "\x00" in value:
        raise ValueError("no short text")
    return value
