"""
Carries notices to a Slack channel: a message with buttons, which go when the question is closed.

In: an errand. Out: chat.postMessage for a question that is new to the channel, a reply in its
thread that all of the channel see as reminder, chat.update at its end, chat.postEphemeral to one
who pressed a button in vain.
Never: a button that names what it does (its value is a random id), or one that decides a
high-impact question: there only the page is offered. Nor text of an alert as Slack's markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from soar.domain.notices import Event
from soar.notify.errand import Errand, Moot, NotSent, NotYet, secret, text
from soar.notify.links import BUTTON
from soar.notify.post import Reply, post
from soar.notify.telling import Telling, one_line

MOST_BUTTONS = 5
LONGEST_BUTTON, LONGEST_TEXT = 75, 2900
OPEN, ANSWER = "open", "answer"
"""The ids of buttons: one leads to the page, the others answer."""
FINAL = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""What Slack says when trying again is of no use."""
Block = dict[str, Any]


def carry(errand: Errand) -> str:
    """Send a notice; its reference is the message's channel and time stamp."""
    match errand.event:
        case Event.OPENED:
            return _ask(errand)
        case Event.REMINDER | Event.ESCALATED:
            return _remind(errand)
        case Event.REPLY:
            return _reply(errand)
        case _:
            return _close(errand)


def probe(settings: Mapping[str, Any], _to: str) -> str:
    """See that the token is of the team that is set, and post a test message."""
    team = _call(settings, "auth.test", {}).get("team_id")
    if team != text(settings, "team"):
        raise NotSent(f"the token is of team {one_line(team, 20)}, not of {text(settings, 'team')}")
    said = "This is a test: messages about approvals arrive here."
    _call(settings, "chat.postMessage", {"channel": text(settings, "channel"), "text": said})
    return f"a test message was posted to {text(settings, 'channel')}"


def _ask(errand: Errand) -> str:
    sent = _call(
        errand.settings,
        "chat.postMessage",
        {
            "channel": text(errand.settings, "channel"),
            "text": _escaped(errand.told.headline),
            "blocks": [*_blocks(errand.told), *_buttons(errand)],
            "unfurl_links": False,
            "unfurl_media": False,
        },
    )
    return f"{sent.get('channel', '')}/{sent.get('ts', '')}"


def _remind(errand: Errand) -> str:
    """Answer in the thread, shown to all; a channel that has not seen the question gets it."""
    told, thread = errand.told, _first(errand)
    if thread is None and errand.event is Event.ESCALATED:
        return _ask(errand)
    due = f"{told.headline}: answer until {told.due}"
    message = {
        "channel": text(errand.settings, "channel"),
        "text": _escaped(f"{due}\n{told.url}" if told.url else due),
        "unfurl_links": False,
    }
    if thread is not None:
        message |= {"channel": thread[0], "thread_ts": thread[1], "reply_broadcast": True}
    sent = _call(errand.settings, "chat.postMessage", message)
    return "/".join(thread) if thread else f"{sent.get('channel', '')}/{sent.get('ts', '')}"


def _close(errand: Errand) -> str:
    """Take the buttons off the message that asked; where there is none, nothing is to do."""
    first = _first(errand)
    if first is None:
        raise Moot
    told = errand.told
    message = {
        "channel": first[0],
        "ts": first[1],
        "text": _escaped(f"{told.headline}. {told.outcome}"),
        "blocks": _blocks(told),
    }
    try:
        _call(errand.settings, "chat.update", message)
    except NotSent as error:
        if error.final:  # somebody deleted the message
            raise Moot from None
        raise
    return "/".join(first)


def _reply(errand: Errand) -> str:
    message = {
        "channel": text(errand.settings, "channel"),
        "user": errand.notice["recipient"],
        "text": _escaped(errand.notice["detail"]),
    }
    _call(errand.settings, "chat.postEphemeral", message)
    return ""


def _first(errand: Errand) -> tuple[str, str] | None:
    """Return channel and time stamp of the message that asked; wait while it is on its way."""
    if errand.first is not None and errand.first["status"] == "planned":
        raise NotYet
    asked = errand.first or errand.notice  # the next step of a ladder may be told of again
    channel, slash, moment = asked["reference"].partition("/")
    return (channel, moment) if slash and moment else None


def _blocks(told: Telling) -> list[Block]:
    facts = [f"Would act on: {target}" for target in told.targets]
    facts += [f"Asked of: {told.assignee}", f"Case: {told.container}"]
    facts.append(told.outcome or f"Answer until: {told.due}")
    return [
        {"type": "header", "text": _plain(told.headline, 150)},
        {"type": "section", "text": _plain(told.asked or "-", LONGEST_TEXT)},
        {"type": "section", "text": _plain("\n".join(facts), LONGEST_TEXT)},
    ]


def _buttons(errand: Errand) -> list[Block]:
    told = errand.told
    made: list[Block] = []
    if told.url:
        made.append(_button("Open", OPEN) | {"url": told.url})
    if not told.high_impact and len(told.options) <= MOST_BUTTONS:
        for number, option in enumerate(told.options):
            value = errand.token(BUTTON, option)
            made.append(_button(option or "-", f"{ANSWER}-{number}") | {"value": value})
    return [{"type": "actions", "elements": made}] if made else []


def _button(label: str, action: str) -> Block:
    return {"type": "button", "action_id": action, "text": _plain(label, LONGEST_BUTTON)}


def _plain(said: str, longest: int) -> Block:
    shown = said if len(said) <= longest else said[: longest - 1] + "…"
    return {"type": "plain_text", "text": shown, "emoji": False}


def _escaped(said: str) -> str:
    """Return a text without Slack's markup: no mention, no link with another face."""
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _call(settings: Mapping[str, Any], method: str, message: Mapping[str, Any]) -> Block:
    headers = {
        "Authorization": f"Bearer {secret(settings, 'bot_token').reveal()}",
        "Content-Type": "application/json; charset=utf-8",
    }
    url = f"{text(settings, 'base_url').rstrip('/')}/{method}"
    body = json.dumps(message, ensure_ascii=False).encode()
    answer = _read(post(url, body, headers, ca_file=text(settings, "ca_file")))
    if answer.get("ok") is not True:
        why = re.sub(r"[^a-z0-9_]", "", str(answer.get("error", "")))[:60]
        raise NotSent(f"Slack refused {method}: {why or 'no reason given'}", final=why in FINAL)
    return answer


def _read(reply: Reply) -> Block:
    if reply.status != 200:
        raise NotSent(f"Slack answered {reply.status}")
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise NotSent("Slack's answer cannot be read")
    return answer
