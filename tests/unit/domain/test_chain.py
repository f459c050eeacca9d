"""
The audit chain: whatever is done to its lines afterwards, a walk along it says so.

In: chains of any entries, and every kind of meddling. Out: nothing. Never: a database.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from soar.audit import judge
from soar.domain import chain
from soar.domain.chain import Breach, Link, Walk
from soar.signing import Signer, Verifier

START = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW, STRANGER = (Signer(Ed25519PrivateKey.generate()) for _ in range(3))
KEYS = {signer.key_id: signer.key.public_key() for signer in (OLD, NEW)}
details = st.dictionaries(
    st.text(max_size=5), st.none() | st.integers() | st.text(max_size=9), max_size=3
)


def links(
    found: list[dict[str, Any]], signers: dict[int, Signer], *, days: dict[int, int] | None = None
) -> list[Link]:
    """Chain entries with these details; some are signed, some name another day."""
    made, previous = [], chain.GENESIS
    for number, detail in enumerate(found, start=1):
        entry = chain.entry(
            number=number,
            time=START + timedelta(days=(days or {}).get(number, number)),
            who="ada",
            what="approval answered",
            detail=detail,
            previous=previous,
        )
        made.append(link(entry, signers.get(number)))
        previous = made[-1].hash
    return made


def link(entry: dict[str, Any], signer: Signer | None = None) -> Link:
    """Keep an entry."""
    text = chain.text_of(entry)
    return Link(
        number=entry["number"],
        text=text,
        hash=chain.hash_of(text),
        signature=signer.sign(entry) if signer else "",
        key_id=signer.key_id if signer else "",
    )


def walk(made: list[Link], **until: datetime) -> tuple[Walk, Breach | None]:
    """Follow a chain, with keys that may be retired."""
    walked = Walk(judge(Verifier(KEYS, until)))
    return walked, walked.follow(made)


@given(st.lists(details, min_size=1, max_size=8), st.sets(st.integers(1, 8)))
def test_a_chain_that_nobody_touched_holds(found: list[Any], signed: set[int]) -> None:
    """
    Whatever its entries say, and whoever signed some of them.
    """
    made = links(found, dict.fromkeys(signed, NEW))

    walked, breach = walk(made)

    assert breach is None
    assert (walked.number, walked.head) == (len(found), made[-1].hash)
    assert walked.sealed == max((n for n in signed if n <= len(found)), default=0)


@given(st.lists(details, min_size=3, max_size=8), st.data())
def test_a_chain_that_was_touched_breaks_where_it_was(
    found: list[Any], data: st.DataObject
) -> None:
    """
    An entry taken out of the middle, moved, doubled, or with one character changed.
    """
    made = links(found, {2: NEW})
    place = data.draw(st.integers(0, len(made) - 2))
    how = data.draw(st.sampled_from(["out", "twice", "moved", "text", "hash"]))
    if how == "out":
        del made[place]
    elif how == "twice":
        made.insert(place, made[place])
    elif how == "moved":
        made[place], made[place + 1] = made[place + 1], made[place]
    elif how == "text":
        text = made[place].text
        at = data.draw(st.integers(0, len(text) - 1))
        made[place] = replace(made[place], text=text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :])
    else:
        made[place] = replace(made[place], hash="f" * 64)

    walked, breach = walk(made)

    assert breach is not None
    assert walked.number <= place + 1


@given(st.lists(details, min_size=4, max_size=8), st.data())
def test_a_chain_made_anew_breaks_at_the_next_signature(
    found: list[Any], data: st.DataObject
) -> None:
    """
    Who may write to the database changes an entry and hashes all that follows again: the next
    answer's signature is over another text.
    """
    signed = data.draw(st.integers(2, len(found)))
    made = links(found, {signed: NEW})
    changed = data.draw(st.integers(1, signed))
    forged = [
        {**detail, "forged": 1} if n == changed else detail for n, detail in enumerate(found, 1)
    ]
    again = links(forged, {})
    again[signed - 1] = replace(
        again[signed - 1], signature=made[signed - 1].signature, key_id=NEW.key_id
    )

    breach = walk(again)[1]

    assert breach is not None
    assert breach.number == signed
    assert "its signature is none of the key" in breach.why


def test_an_unknown_key_signs_nothing() -> None:
    """
    Though the signature is a good one.
    """
    _, breach = walk(links([{}, {}], {2: STRANGER}))

    assert breach == Breach(
        2, f"it is signed with the key {STRANGER.key_id}, which is not among the public keys"
    )


def test_a_retired_key_sealed_what_it_signed_in_its_time() -> None:
    """
    Its entries hold after it was retired; a new one by it does not, whatever time that names.
    """
    retired = {OLD.key_id: START + timedelta(days=2.5)}
    before = links([{}, {}, {}], {1: OLD, 2: OLD, 3: NEW})
    after = links([{}, {}, {}], {1: OLD, 2: NEW, 3: OLD})
    set_back = links([{}, {}, {}, {}], {3: NEW, 4: OLD}, days={4: 1})

    assert walk(before, **retired)[1] is None
    why = f"it is signed with the key {OLD.key_id} after that was retired"
    assert walk(after, **retired)[1] == Breach(3, why)
    assert walk(set_back, **retired)[1] == Breach(4, why)


@given(st.text())
def test_no_text_is_taken_for_an_entry(text: str) -> None:
    """
    Also where its hash is right: the form has to be the one form.
    """
    made = Link(number=1, text=text, hash=chain.hash_of(text))

    assert walk([made])[1] is not None


def test_an_entry_written_another_way_is_not_the_entry() -> None:
    """
    Blanks, another order of keys, or a key given twice.
    """
    (good,) = links([{"a": 1}], {})
    entry = json.loads(good.text)
    others = [
        json.dumps(entry),
        json.dumps(dict(reversed(entry.items())), separators=(",", ":")),
        good.text.replace('"who":"ada"', '"who":"eve","who":"ada"'),
    ]

    for text in others:
        assert walk([Link(number=1, text=text, hash=chain.hash_of(text))])[1] is not None
