"""
Our signatures and those of Slack's and Standard Webhooks' own libraries are the same.
"""

from __future__ import annotations

import base64
import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook

from soar.domain.secret import Secret
from soar.notify.signatures import (
    BadSignature,
    check_slack,
    check_webhook,
    new_webhook_secret,
    sign_slack,
    sign_webhook,
)

EXAMPLE = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmib"
    b"IGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
"""The request in Slack's documentation ("Verifying requests from Slack")."""
SLACK = Secret("8f742231b10e8888abcd99yyyzzz85a5")
texts = st.text(string.printable, max_size=200)


def test_the_example_of_slacks_documentation_is_signed_as_it_says() -> None:
    """
    Secret, time and body of the page give its signature.
    """
    assert sign_slack(SLACK, 1531420618, EXAMPLE) == (
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


@given(body=texts, moment=st.integers(0, 10**11))
def test_slacks_library_signs_as_we_do(body: str, moment: int) -> None:
    """
    Whatever is signed, ours is theirs, and we accept theirs.
    """
    theirs = SignatureVerifier(SLACK.reveal()).generate_signature(timestamp=str(moment), body=body)
    headers = {"x-slack-signature": str(theirs), "x-slack-request-timestamp": str(moment)}

    assert sign_slack(SLACK, moment, body.encode()) == theirs
    check_slack(SLACK, headers, body.encode(), now=moment)


@given(body=texts, key=st.binary(min_size=24, max_size=64))
def test_the_standards_library_signs_as_we_do(body: str, key: bytes) -> None:
    """
    Whatever is signed with whatever secret, they accept ours and we accept theirs.
    """
    secret = f"whsec_{base64.b64encode(key).decode()}"
    now = datetime.now(UTC)
    ours = sign_webhook(Secret(secret), "msg_1", int(now.timestamp()), body.encode())
    theirs = {**ours, "webhook-signature": Webhook(secret).sign("msg_1", now, body)}

    assert ours == theirs
    assert check_webhook(Secret(secret), theirs, body.encode(), now=now.timestamp()) == "msg_1"


@given(
    body=st.binary(max_size=60),
    place=st.integers(0, 10_000),
    change=st.integers(1, 255),
)
def test_one_changed_byte_is_noticed(body: bytes, place: int, change: int) -> None:
    """
    Anywhere in a signed body, or one too many.
    """
    secret = Secret(new_webhook_secret())
    headers = sign_webhook(secret, "msg_1", 1000, body)
    headers |= {
        "x-slack-signature": sign_slack(SLACK, 1000, body),
        "x-slack-request-timestamp": "1000",
    }
    changed = bytearray(body or b"\x00")
    changed[place % len(changed)] ^= change if body else 0

    with pytest.raises(BadSignature):
        check_webhook(secret, headers, bytes(changed), now=1000)
    with pytest.raises(BadSignature):
        check_slack(SLACK, headers, bytes(changed), now=1000)


@pytest.mark.parametrize(("apart", "counts"), [(0, True), (300, True), (301, False), (-301, False)])
def test_a_signature_counts_for_five_minutes(apart: int, counts: bool) -> None:
    """
    To the second, in both directions, with both schemes.
    """
    secret = Secret(new_webhook_secret())
    headers = sign_webhook(secret, "msg_1", 10_000, b"{}")
    headers |= {
        "x-slack-signature": sign_slack(SLACK, 10_000, b"{}"),
        "x-slack-request-timestamp": "10000",
    }

    def accepted() -> list[bool]:
        found = []
        for check, key in ((check_webhook, secret), (check_slack, SLACK)):
            try:
                check(key, headers, b"{}", now=10_000 + apart)
            except BadSignature:
                found.append(False)
            else:
                found.append(True)
        return found

    assert accepted() == [counts, counts]
