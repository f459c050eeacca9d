"""
Answers, questions and calls, changed in every way that somebody with the database may think of.

In: one true answer to one question, and a seed. Out: nothing.
Never: a changed one that lets a call go. `make attack` tries a hundred thousand.
"""

from __future__ import annotations

import base64
import copy
import os
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from soar.domain import gate
from soar.domain.gate import HeldCall
from soar.domain.policy import Rule
from soar.signing import Signer, Verifier
from soar.tasks.permission import disagreement, objection, uncovered

MUTATIONS = int(os.environ.get("MUTATIONS", "5000"))
SIGNER, RETIRED, STRANGER = (Signer(Ed25519PrivateKey.generate()) for _ in range(3))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
VERIFIER = Verifier(
    {signer.key_id: signer.key.public_key() for signer in (SIGNER, RETIRED)},
    {RETIRED.key_id: NOW - timedelta(hours=1)},
    clock=lambda: NOW,
)
RUN = 7
ACME = 3
CALL = HeldCall(
    action="quarantine device",
    asset="crowdstrike_prod",
    app="crowdstrike",
    app_version="1.0.0",
    parameters={"device_id": "WS-0042", "minutes": 60, "hosts": ["a", "b"]},
)
TWO = Rule(needs="2 of soc_tier2")
Row = dict[str, Any]
Mutation = Callable[[Row, random.Random], HeldCall]


def question(
    number: str = "a1b2", run: int = RUN, call: HeldCall = CALL, tenant: int = ACME
) -> dict[str, Any]:
    """Return a question with one choice that does something."""
    return gate.payload(
        approval=number,
        run_id=run,
        container_id=3,
        assignee="soc_tier2",
        message="Isolate WS-0042?",
        options=["Isolate", "Leave"],
        effects={"Isolate": [call], "Leave": []},
        due=(NOW + timedelta(minutes=10)).isoformat(),
        policy={"Isolate": [TWO.terms(apart=["carl"], asked_at=NOW - timedelta(minutes=5))]},
        tenant=tenant,
    )


def answered(asked: dict[str, Any], by: Signer = SIGNER, **changes: Any) -> Row:
    """Return a question as the table holds it once Ada has answered, after Ben."""
    first = ballot(asked, by, **{**changes, "by": "ben"})
    last = ballot(asked, by, **changes)
    whose = {"payload": asked, "tenant_id": gate.tenant_of(asked)}
    return {**last, **whose, "status": "answered", "ballots": [first, dict(last)]}


def ballot(asked: dict[str, Any], signer: Signer, **changes: Any) -> Row:
    """Return one signed ballot."""
    signed = {
        "approval": asked["approval"],
        "choice": "Isolate",
        "by": "ada",
        "for": "",
        "roles": ["soc_tier2"],
        "tenants": [ACME, 5],
        "signed_in": None,
        "reason": "seen",
        "channel": "rest",
        "payload_digest": gate.digest(asked),
        "answered_at": (NOW - timedelta(minutes=1)).isoformat(),
        **changes,
    }
    return {"signed": signed, "signature": signer.sign(signed), "key_id": signer.key_id}


def lets_go(row: Row, call: HeldCall, run: int = RUN) -> bool:
    """Tell whether an answer lets a call go."""
    why = objection(VERIFIER, row, now=NOW, longest=timedelta(minutes=30))
    lacking = why or disagreement(VERIFIER, row, row["ballots"])
    return not (lacking or uncovered(row, run, call))


def test_the_true_answer_lets_its_call_go() -> None:
    """
    Else the others would prove nothing.
    """
    assert lets_go(answered(question()), CALL)


def _anything(chance: random.Random, old: Any) -> Any:
    """Return another value, as near to the old one as somebody may wish."""
    others = [
        None,
        True,
        0,
        1,
        1.5,
        "",
        "x",
        [],
        {},
        [old],
        {"a": old},
        f"{old} ",
        str(old).upper(),
    ]
    if isinstance(old, str) and old:
        place = chance.randrange(len(old))
        others += [old[:-1], old[1:], f"{old[:place]}\u200b{old[place:]}", old + "\x00"]
        others.append(old[:place] + chr(ord(old[place]) ^ 1) + old[place + 1 :])
    return chance.choice([o for o in others if gate.canonical(o) != gate.canonical(old)])


def _somewhere(chance: random.Random, inside: Any) -> None:
    """Change, remove or add one thing somewhere inside."""
    keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
    if not keys:
        _add(inside)
        return
    key = chance.choice(keys)
    if isinstance(inside[key], dict | list) and chance.random() < 0.7:
        _somewhere(chance, inside[key])
    elif chance.random() < 0.2:
        del inside[key]
    elif chance.random() < 0.2:
        _add(inside)
    else:
        inside[key] = _anything(chance, inside[key])


def _add(inside: Any) -> None:
    if isinstance(inside, dict):
        inside["more"] = 1
    else:
        inside.append("more")


def _question_edited(row: Row, chance: random.Random) -> HeldCall:
    _somewhere(chance, row["payload"])
    return CALL


def _question_edited_with_its_digest(row: Row, chance: random.Random) -> HeldCall:
    _somewhere(chance, row["payload"])
    row["signed"]["payload_digest"] = gate.digest(row["payload"])
    return CALL


def _answer_edited(row: Row, chance: random.Random) -> HeldCall:
    _somewhere(chance, row["signed"])
    return CALL


def _signature_written_otherwise(row: Row, chance: random.Random) -> HeldCall:
    true = row["signature"]
    raw = base64.b64decode(true)
    place = chance.randrange(len(true))
    others = [
        true[:place],
        true.rstrip("="),
        true + "=",
        true + "\n",
        " " + true,
        f"{true[:place]}\n{true[place:]}",
        base64.urlsafe_b64encode(raw).decode() + "?",
        raw.hex(),
        base64.b64encode(raw + b"\x00").decode(),
        base64.b64encode(raw[:-1]).decode(),
        base64.b64encode(raw[32:] + raw[:32]).decode(),
        base64.b64encode(bytes(b ^ (i == place % 64) for i, b in enumerate(raw))).decode(),
        true[:-3] + chr(ord(true[-3]) ^ 1) + true[-2:],
        "",
    ]
    row["signature"] = chance.choice([o for o in others if o != true])
    return CALL


def _signed_by_somebody_else(row: Row, chance: random.Random) -> HeldCall:
    other = chance.choice([STRANGER, RETIRED])
    row["signature"] = other.sign(row["signed"])
    row["key_id"] = chance.choice([other.key_id, SIGNER.key_id, "", other.key_id.upper()])
    return CALL


def _another_call(row: Row, chance: random.Random) -> HeldCall:
    field = chance.choice(["action", "asset", "app", "app_version"])
    if chance.random() < 0.5:
        return replace(CALL, **{field: str(_anything(chance, getattr(CALL, field)))})
    parameters = copy.deepcopy(dict(CALL.parameters))
    _somewhere(chance, parameters)
    return replace(CALL, parameters=parameters)


def _another_questions_answer(row: Row, chance: random.Random) -> HeldCall:
    other = answered(question(number=chance.choice(["a1b3", "A1B2", "a1b2 "])))
    for field in chance.sample(["signed", "signature"], k=chance.choice([1, 2])):
        row[field] = other[field]
    return CALL


def _moved_to_another_tenant(row: Row, chance: random.Random) -> HeldCall:
    """The container, with or without its question, and with or without a digest that fits."""
    row["tenant_id"] = chance.choice([0, 1, 5, -3, 30, None])
    if chance.random() < 0.6:
        row["payload"]["tenant"] = row["tenant_id"]
    if chance.random() < 0.3:
        row["payload"].pop("tenant")
    if chance.random() < 0.5:
        for one in (row, *row["ballots"]):
            one["signed"]["payload_digest"] = gate.digest(row["payload"])
    return CALL


def _answered_by_somebody_of_another_tenant(row: Row, chance: random.Random) -> HeldCall:
    """Signed by a true key: of one ballot of two, or of both."""
    others = [[0], [5], [1, 2], [], [-ACME], [ACME + 1]]
    wrong = answered(row["payload"], tenants=chance.choice(others))
    if chance.random() < 0.5:
        row["ballots"][0] = wrong["ballots"][0]
    else:
        row.update(wrong)
    return CALL


def _not_answered(row: Row, chance: random.Random) -> HeldCall:
    row["status"] = chance.choice(["open", "expired", "cancelled", "", "Answered", None])
    return CALL


def _one_ballot_of_two_is_not_true(row: Row, chance: random.Random) -> HeldCall:
    """Ben's is changed, and Ada's true one beside it must not do for both."""
    bens, adas = row["ballots"]
    others: list[Callable[[], Row]] = [
        lambda: copy.deepcopy(adas),
        lambda: {**copy.deepcopy(adas), "signed": {**adas["signed"], "by": "ben"}},
        lambda: {**bens, "signature": adas["signature"]},
        lambda: {**bens, "signature": bens["signature"][:-4]},
        lambda: ballot(row["payload"], chance.choice([STRANGER, RETIRED]), by="ben"),
        lambda: {**ballot(row["payload"], STRANGER, by="ben"), "key_id": SIGNER.key_id},
        lambda: ballot(question(number="a1b3"), SIGNER, by="ben"),
        lambda: ballot(row["payload"], SIGNER, by="ben", choice="Leave"),
        lambda: ballot(row["payload"], SIGNER, by="ben", roles=["soc_tier1"]),
        lambda: ballot(row["payload"], SIGNER, by="carl"),
        lambda: ballot(row["payload"], SIGNER, by="ben", **{"for": "ada"}),
        lambda: ballot(row["payload"], SIGNER, by="ben", **{"for": "carl"}),
        lambda: ballot(
            row["payload"], SIGNER, by="ben", answered_at=(NOW + timedelta(hours=1)).isoformat()
        ),
    ]
    bens = chance.choice(others)() if chance.random() < 0.6 else copy.deepcopy(bens)
    if bens == row["ballots"][0]:
        _somewhere(chance, bens["signed"])
    row["ballots"] = [bens, adas] if chance.random() < 0.9 else [adas]
    return CALL


MUTATIONS_OF: tuple[Mutation, ...] = (
    _question_edited,
    _question_edited_with_its_digest,
    _answer_edited,
    _signature_written_otherwise,
    _signed_by_somebody_else,
    _another_call,
    _another_questions_answer,
    _moved_to_another_tenant,
    _answered_by_somebody_of_another_tenant,
    _not_answered,
    _one_ballot_of_two_is_not_true,
)


@pytest.mark.parametrize("mutate", MUTATIONS_OF, ids=lambda mutate: mutate.__name__.strip("_"))
def test_nothing_that_was_changed_lets_a_call_go(mutate: Mutation) -> None:
    """
    Not once, and nothing but a refusal comes of it.
    """
    chance, true = random.Random(mutate.__name__), answered(question())

    for number in range(-(-MUTATIONS // len(MUTATIONS_OF))):
        row = copy.deepcopy(true)
        call = mutate(row, chance)

        assert not lets_go(row, call), (number, row, call)


TRUE_BUT_REFUSED: dict[str, Callable[[], bool]] = {
    "by a key that was retired": lambda: lets_go(answered(question(), RETIRED), CALL),
    "back-dated by a key that was retired": lambda: lets_go(
        answered(question(), RETIRED, answered_at=(NOW - timedelta(days=1)).isoformat()), CALL
    ),
    "for the other choice": lambda: lets_go(answered(question(), choice="Leave"), CALL),
    "for another run": lambda: lets_go(answered(question(run=8)), CALL),
    "for the same call of another run": lambda: lets_go(answered(question()), CALL, run=8),
    "after it was due": lambda: lets_go(
        answered(question(), answered_at=(NOW + timedelta(minutes=11)).isoformat()), CALL
    ),
    "for another tenant": lambda: lets_go({**answered(question()), "tenant_id": 5}, CALL),
    "for a container that is of the Default Tenant now": lambda: lets_go(
        {**answered(question()), "tenant_id": 0}, CALL
    ),
    "by somebody of another tenant": lambda: lets_go(answered(question(), tenants=[5]), CALL),
    "by somebody of no tenant": lambda: lets_go(answered(question(), tenants=[]), CALL),
    "too long ago": lambda: lets_go(
        answered(question(), answered_at=(NOW - timedelta(minutes=31)).isoformat()), CALL
    ),
}


@pytest.mark.parametrize("tried", list(TRUE_BUT_REFUSED.values()), ids=list(TRUE_BUT_REFUSED))
def test_a_true_signature_is_not_enough(tried: Callable[[], bool]) -> None:
    """
    It has to be for this run and this choice, in time, and by a key that counts now.
    """
    assert not tried()
