"""
Secrets are compared in constant time: how long a refusal takes tells nothing of what was right.

In: right secrets at every door that compares one. Out: nothing.
Never: a clock: what decides is ``hmac.compare_digest``, so where it says no, the right one fails.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

import pyotp
import pytest

from soar import access, approvals, codes, identity
from soar.bootstrap import House
from soar.domain.errors import SoarError
from soar.domain.secret import Secret
from soar.notify import signatures
from soar.oidc import token as oidc_token
from soar.store.work import Work
from soar.web import guard

SECRET = Secret("slack signing secret")
NOW = int(time.time())
BODY = b'{"choice": "Approve"}'


def webhook() -> bool:
    """Show a signature of a webhook."""
    secret = Secret(signatures.new_webhook_secret())
    headers = signatures.sign_webhook(secret, "msg_1", NOW, BODY)
    return bool(signatures.check_webhook(secret, headers, BODY, now=NOW))


def slack() -> bool:
    """Show a signature of Slack's."""
    headers = {
        "x-slack-request-timestamp": str(NOW),
        "x-slack-signature": signatures.sign_slack(SECRET, NOW, BODY),
    }
    signatures.check_slack(SECRET, headers, BODY, now=NOW)
    return True


def code() -> bool:
    """Show a code of an authenticator."""
    seed = pyotp.random_base32()
    return codes.step_of(Secret(seed), pyotp.TOTP(seed).at(NOW), now=NOW) is not None


def form() -> bool:
    """Send a form with its session's token."""
    guard.check_token({"csrf": "of this session"}, "of this session")
    return True


def nonce() -> bool:
    """Come back from a provider with the nonce that was sent there."""
    return oidc_token._same("of this hop", "of this hop")


def seen() -> bool:
    """Answer a high-impact question with the digest of what was shown."""
    approvals._check_shown("ab12", {"id": 1, "payload": {}, "payload_digest": "ab12"})
    return True


def is_let_in(door: Callable[[], bool]) -> bool:
    """Tell whether a door lets in who shows this."""
    try:
        return door()
    except (SoarError, signatures.BadSignature):
        return False


@pytest.mark.parametrize("door", [webhook, slack, code, form, nonce, seen])
def test_a_door_opens_only_where_the_comparison_in_constant_time_says_so(
    door: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The right secret is let in; where that comparison says no, it is not.
    """
    assert is_let_in(door)

    monkeypatch.setattr(hmac, "compare_digest", lambda *_: False)

    assert not is_let_in(door)


def token(work: Work) -> Callable[[], bool]:
    """Come with a token of an API."""
    shown = access.create_token(work, "ada", roles=["analyst"])
    return lambda: access.authenticate(work, shown).username == "ada"


def session(work: Work) -> Callable[[], bool]:
    """Come with the cookie of a session."""
    who = {"person_id": work.people.save("ada", ["analyst"], "normal"), "one_time": False}
    shown = identity.begin(work, who, address="192.0.2.1", limits=identity.Limits())
    return lambda: identity.session_of(work, shown, address="192.0.2.1") is not None


@pytest.mark.parametrize("kept", [token, session])
def test_what_is_found_by_its_hash_is_compared_in_constant_time(
    house: House, monkeypatch: pytest.MonkeyPatch, kept: Callable[[Work], Callable[[], bool]]
) -> None:
    """
    Its row alone lets nobody in.
    """
    with house.database.begin() as work:
        door = kept(work)
        assert is_let_in(door)

        monkeypatch.setattr(hmac, "compare_digest", lambda *_: False)

        assert not is_let_in(door)
