"""
What an attacker may bring back from a provider, or instead of one: none of it lets anybody in.

In: tokens, states and codes that are not what they must be. Out: a refusal, on the record.
Never: a session.
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from hmac import new as new_hmac
from typing import Any

import pytest
import requests
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from soar import identity
from soar.bootstrap import House
from tests.integration.web import op as ops
from tests.integration.web.op import CLIENT, Claims, Op, back, key, leave, signed, state_of, through
from tests.integration.web.sso import Browsers, audited, link
from tests.integration.web.stage import PASSWORD, person

REFUSED = "sign-in through the provider refused"
NOW = int(time.time())


def encoded(part: Any) -> str:
    """Return one part of a token."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(claims: Claims) -> str:
    """A token of the algorithm none."""
    return f"{encoded({'alg': 'none'})}.{encoded(claims)}."


def with_the_public_key(claims: Claims) -> str:
    """A token of HS256, with the provider's public key as its secret."""
    head = encoded({"alg": "HS256", "kid": "one"}) + "." + encoded(claims)
    secret = key().as_pem(private=False)
    return head + "." + encoded(new_hmac(secret, head.encode(), sha256).digest())


def with_its_own_key(claims: Claims) -> str:
    """A token that brings the key along with which it is signed."""
    mine = key("attacker")
    header = {"alg": "RS256", "jwk": mine.as_dict(private=False)}
    return jwt.encode(header, claims, mine)


def of_an_unknown_key(claims: Claims) -> str:
    """A token that names a key that the provider does not have."""
    return signed(claims, key("attacker"))


def of_a_key_with_the_same_name(claims: Claims) -> str:
    """A token signed with another key, under the name of the provider's."""
    return signed(claims, key("attacker"), kid="one")


def of_another_kind(claims: Claims) -> str:
    """A token of ES256, under the name of an RSA key."""
    mine = ECKey.generate_key("P-256", {"kid": "one"})
    return jwt.encode({"alg": "ES256", "kid": "one"}, claims, mine)


def cut_off(claims: Claims) -> str:
    """A token without its signature."""
    return signed(claims).rpartition(".")[0] + "."


def changed(claims: Claims) -> str:
    """A token whose claims were changed after it was signed."""
    head, _, tail = signed({**claims, "sub": "somebody"}).split(".")
    return f"{head}.{encoded(claims)}.{tail}"


def an_access_token(claims: Claims) -> str:
    """A token of another type."""
    return signed(claims, typ="at+jwt")


def no_object(_: Claims) -> str:
    """What the provider signed, and is no claims."""
    return jws.serialize_compact({"alg": "RS256", "kid": "one"}, b'["a", "list"]', key())


SIGNING: list[Callable[[Claims], Any]] = [
    unsigned,
    with_the_public_key,
    with_its_own_key,
    of_an_unknown_key,
    of_a_key_with_the_same_name,
    of_another_kind,
    cut_off,
    changed,
    an_access_token,
    lambda claims: "",
    lambda claims: None,
    lambda claims: 7,
    lambda claims: "a.b.c",
    lambda claims: "x" * 200_000,
    no_object,
]


@pytest.mark.parametrize("sign", SIGNING, ids=lambda f: f.__name__)
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(
    house: House, sso: Browsers, op: Op, sign: Callable[[Claims], Any]
) -> None:
    """
    None, HMAC with the public key, a key of its own, an unknown one, or what is no token at all.
    """
    op.sign = sign
    _refused(house, sso)


CLAIMS: list[tuple[str, Claims]] = [
    ("another nonce", {"nonce": "another"}),
    ("another nonce", {"nonce": None}),
    ("another nonce", {"nonce": ["a"]}),
    ("another audience", {"aud": "another"}),
    ("another audience", {"aud": None}),
    ("another audience", {"aud": []}),
    ("another audience", {"aud": [CLIENT, "another"]}),
    ("another audience", {"aud": [CLIENT, "another"], "azp": "another"}),
    ("another audience", {"azp": "another"}),
    ("expired", {"exp": NOW - 3600}),
    ("expired", {"exp": None}),
    ("expired", {"exp": "never"}),
    ("expired", {"exp": True}),
    ("issued in the future", {"iat": NOW + 3600}),
    ("issued in the future", {"iat": None}),
    ("not valid yet", {"nbf": NOW + 3600}),
    ("another issuer", {"iss": "https://other.test"}),
    ("another issuer", {"iss": None}),
    ("no subject", {"sub": None}),
    ("no subject", {"sub": ""}),
    ("no subject", {"sub": 7}),
    ("no subject", {"sub": "x" * 300}),
    ("signed in in the future", {"auth_time": NOW + 3600}),
    ("another access token", {"at_hash": "AAAA"}),
]


@pytest.mark.parametrize(
    ("why", "says"), CLAIMS, ids=[f"{n} {why}" for n, (why, _) in enumerate(CLAIMS)]
)
def test_a_token_for_somebody_or_something_else_lets_nobody_in(
    house: House, sso: Browsers, op: Op, why: str, says: Claims
) -> None:
    """
    Another issuer, audience, time or browser; each for the reason that is on the record.
    """
    op.says = says
    _refused(house, sso, why)


def _refused(house: House, sso: Browsers, why: str = "") -> None:
    mine = sso()

    answer = through(mine)

    assert answer.status_code == 403, answer.text
    assert "could not be trusted" in answer.text
    assert not mine.is_signed_in
    assert not house.database.run("select 1 from session", {})
    ((who, detail),) = audited(house, REFUSED)
    assert who == "system"
    assert not why or detail["why"] == why


def test_what_is_right_in_every_part_is_taken(sso: Browsers, op: Op) -> None:
    """
    So that the refusals above are not of something else: the same claims, made right.
    """
    half = sha256(b"an-access-token").digest()[:16]
    op.says = {
        "aud": [CLIENT, "another"],
        "azp": CLIENT,
        "at_hash": urlsafe_b64encode(half).rstrip(b"=").decode(),
        "nbf": NOW - 5,
        "exp": NOW + 3600,
    }
    assert through(sso()).status_code == 303


@pytest.mark.parametrize("name", ["PS256", "ES256"])
def test_other_algorithms_that_are_good_are_taken(sso: Browsers, op: Op, name: str) -> None:
    """
    With a key of the right kind, and no name where there is but one key.
    """
    used: Any = key() if name == "PS256" else ECKey.generate_key("P-256")
    op.keys = [used]
    op.sign = lambda claims: jwt.encode({"alg": name}, claims, used, algorithms=[name])

    assert through(sso()).status_code == 303


def test_a_key_that_is_too_small_or_not_for_signing_is_none(sso: Browsers, op: Op) -> None:
    """
    1024 bits can be factored; a key to encrypt with signs nothing.
    """
    op.keys = [RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})]
    op.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "enc"}, claims, key("enc"))

    assert through(sso()).status_code == 503


def test_a_state_that_we_did_not_make_lets_nobody_in(house: House, sso: Browsers) -> None:
    """
    Wrong, missing, too long, or of the wrong letters: the code is not even asked for.
    """
    mine = sso()
    path = back(leave(mine))
    state = state_of(path)

    for wrong in ("", "x" * 43, state[:-1], state + "A", "é", "x" * 5000, state.swapcase()):
        answer = mine.get(path.replace(state, wrong))
        assert (answer.status_code, "begin again" in answer.text) == (403, True)
    assert not mine.is_signed_in
    assert mine.get(path).status_code == 303


def test_a_code_and_a_state_count_once(house: House, sso: Browsers, op: Op) -> None:
    """
    Also where the first time failed; and a code that was used is refused under a new state.
    """
    mine = sso()
    path = back(leave(mine))
    code = path.partition("code=")[2].partition("&")[0]
    assert mine.get(path).status_code == 303
    mine.fill("/account", to="/logout")

    assert mine.get(path).status_code == 403
    again = back(leave(mine))
    fresh = again.partition("code=")[2].partition("&")[0]
    assert mine.get(again.replace(fresh, code)).status_code == 403
    assert mine.get(again).status_code == 403
    assert not mine.is_signed_in


def test_a_way_back_is_of_one_browser(house: House, sso: Browsers) -> None:
    """
    Nobody is signed in as somebody else by their address, and nobody uses it up for them.
    """
    mine, bare, with_a_door = sso(), sso(), sso()
    with_a_door.get("/login")
    path = back(leave(mine))

    for other in (bare, with_a_door):
        assert other.get(path).status_code == 403
        assert not other.is_signed_in
    assert mine.get(path).status_code == 303


def test_a_code_of_another_sign_in_is_refused(sso: Browsers, op: Op) -> None:
    """
    The attacker's code in the victim's way back: the verifier is not the one of that code, and a
    provider that does not look finds its nonce refused here.
    """
    attacker, victim = sso(), sso()
    stolen = back(leave(attacker)).partition("code=")[2].partition("&")[0]
    path = back(leave(victim))
    own = path.partition("code=")[2].partition("&")[0]
    begun = op.codes[stolen]

    assert victim.get(path.replace(own, stolen)).status_code == 403
    path = back(leave(victim))
    own = path.partition("code=")[2].partition("&")[0]
    op.codes["lax"] = op.codes[own] | {"nonce": begun["nonce"]}
    assert victim.get(path.replace(own, "lax")).status_code == 403
    assert not victim.is_signed_in


def test_an_answer_of_another_issuer_is_refused(house: House, sso: Browsers, op: Op) -> None:
    """
    As its address says (RFC 9207); and a provider that always names itself must.
    """
    mine = sso()
    own, other = f"&iss={op.url}", "&iss=https://other.test"
    assert mine.get(back(leave(mine)) + other).status_code == 403
    assert mine.get(back(leave(mine)) + own).status_code == 303
    assert [d["why"] for _, d in audited(house, REFUSED)] == ["another issuer answered"]


def test_a_provider_that_names_itself_must(house: House, sso: Browsers, op: Op) -> None:
    """
    Its answer without a name is somebody else's.
    """
    op.metadata["authorization_response_iss_parameter_supported"] = True
    mine = sso()

    assert mine.get(back(leave(mine))).status_code == 403
    assert mine.get(back(leave(mine)) + f"&iss={op.url}").status_code == 303


def test_a_subject_of_another_issuer_is_somebody_else(house: House, sso: Browsers, op: Op) -> None:
    """
    The same subject, linked at another provider, lets nobody in here.
    """
    person(house, "eve")
    with ops.running() as other:
        link(house, other, "eve", "eve-there")
    op.says["sub"] = "eve-there"

    refused = through(sso())

    assert refused.status_code == 403
    assert "nobody here is linked" in refused.text


def test_a_way_back_ends_after_ten_minutes(house: House, sso: Browsers) -> None:
    """
    Then it is forgotten, and the next one that leaves clears it away.
    """
    mine = sso()
    path = back(leave(mine))
    house.database.run(
        "update sign_in_hop set create_time = now() - interval '11 minutes' returning 1", {}
    )

    assert mine.get(path).status_code == 403
    leave(mine)
    assert len(house.database.run("select 1 from sign_in_hop", {})) == 1


def test_ways_that_nobody_comes_back_on_are_bounded(
    house: House, sso: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The ones that left first are forgotten.
    """
    monkeypatch.setattr("soar.store.identities.MOST", 3)
    mine = sso()
    first = back(leave(mine))
    for _ in range(5):
        last = back(leave(mine))

    assert len(house.database.run("select 1 from sign_in_hop", {})) == 3
    assert mine.get(first).status_code == 403
    assert mine.get(last).status_code == 303


def test_failures_count_like_those_of_the_form(house: House, sso: Browsers) -> None:
    """
    After twenty of an address each waits longer, here and at the form; what succeeds is not one.
    """
    for _ in range(3):
        through(sso())
    mine = sso()
    for _ in range(identity.FREE_ADDRESS):
        assert mine.get("/login/callback?code=a&state=b").status_code == 403
    house.database.run(
        "update login_failure set failed_at = now() + interval '1 hour' returning 1", {}
    )

    early = mine.get("/login/callback?code=a&state=b")
    assert (early.status_code, early.headers["Retry-After"]) == (429, "1")
    other = sso()
    other.session = requests.Session()
    assert other.sign_in(password=PASSWORD).status_code == 429
    assert len(audited(house, REFUSED)) == 0


@pytest.mark.parametrize(
    ("error", "told"),
    [("access_denied", "access_denied"), ("<script>alert(1)</script>", "unknown error")],
)
def test_a_refusal_of_the_provider_is_told(
    house: House, sso: Browsers, error: str, told: str
) -> None:
    """
    In our words; of its own only the kind of error, if it is one.
    """
    mine = sso()
    state = state_of(back(leave(mine)))

    answer = mine.session.get(
        mine.url + "/login/callback",
        params={"error": error, "error_description": "<b>no</b>", "state": state},
        timeout=30,
    )

    assert (answer.status_code, f"({told})" in answer.text) == (403, True)
    assert "<script" not in answer.text
    assert audited(house, REFUSED)[0][1]["why"] == told
