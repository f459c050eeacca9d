"""
Signatures over answers: one form, known keys only, the private key readable by its owner only.

In: answers and keys. Out: nothing. Never: a signature that two texts share.
"""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from soar.domain.errors import SoarError
from soar.signing import Signer, Verifier, generate, load_signer, load_verifier

ANSWER = {"approval": "a", "choice": "Isolate", "by": "ada"}
SIGNER = Signer(Ed25519PrivateKey.generate())
VERIFIER = Verifier({SIGNER.key_id: SIGNER.key.public_key()})


def test_a_known_keys_signature_over_this_answer_is_valid() -> None:
    """
    In whatever order the answer's fields come back from the store.
    """
    signature = SIGNER.sign(ANSWER)

    assert VERIFIER.verify(ANSWER, signature, SIGNER.key_id)
    assert VERIFIER.verify(dict(reversed(ANSWER.items())), signature, SIGNER.key_id)


@given(st.dictionaries(st.sampled_from(sorted(ANSWER)), st.text(st.characters(codec="utf-8"))))
def test_any_other_answer_is_not(changed: dict[str, str]) -> None:
    """
    A changed, added or missing field is another answer.
    """
    other = {**ANSWER, **changed}
    signature = SIGNER.sign(ANSWER)

    assert VERIFIER.verify(other, signature, SIGNER.key_id) is (other == ANSWER)
    assert not VERIFIER.verify({**ANSWER, "more": ""}, signature, SIGNER.key_id)


@given(st.text())
def test_any_other_text_is_no_signature(text: str) -> None:
    """
    Whatever it is, it is refused and nothing is raised.
    """
    assert not VERIFIER.verify(ANSWER, text, SIGNER.key_id)


def test_an_unknown_key_is_refused() -> None:
    """
    Also where its signature is a good one.
    """
    stranger = Signer(Ed25519PrivateKey.generate())

    assert not VERIFIER.verify(ANSWER, stranger.sign(ANSWER), stranger.key_id)
    assert not VERIFIER.verify(ANSWER, stranger.sign(ANSWER), SIGNER.key_id)
    assert not VERIFIER.verify(ANSWER, SIGNER.sign(ANSWER), "")


def test_generated_keys_fit_and_the_private_one_is_its_owners(tmp_path: Path) -> None:
    """
    An existing key is never overwritten.
    """
    private, public = tmp_path / "keys" / "private.pem", tmp_path / "keys" / "public.pem"

    generate(private, public)

    signer, verifier = load_signer(private), load_verifier(public)
    assert verifier.verify(ANSWER, signer.sign(ANSWER), signer.key_id)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    with pytest.raises(FileExistsError):
        generate(private, public)


def test_several_public_keys_in_one_file_are_all_known(tmp_path: Path) -> None:
    """
    So that a new key can be put beside the old one.
    """
    files = [tmp_path / name for name in ("a", "a.pub", "b", "b.pub")]
    generate(files[0], files[1])
    generate(files[2], files[3])
    both = tmp_path / "both.pub"
    both.write_text(files[1].read_text() + "\n" + files[3].read_text())

    verifier = load_verifier(both)

    for private in (files[0], files[2]):
        signer = load_signer(private)
        assert verifier.verify(ANSWER, signer.sign(ANSWER), signer.key_id)


def test_a_key_file_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    """
    Missing, junk, or a key of another kind.
    """
    junk, other = tmp_path / "junk", tmp_path / "other"
    junk.write_text("hello")
    other.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

    with pytest.raises(SoarError, match=r"cannot be read \(FileNotFoundError\)"):
        load_signer(tmp_path / "nowhere")
    with pytest.raises(SoarError, match="cannot be read"):
        load_signer(junk)
    with pytest.raises(SoarError, match="must be an Ed25519 key"):
        load_signer(other)
    with pytest.raises(SoarError, match=r"cannot be read \(FileNotFoundError\)"):
        load_verifier(tmp_path / "nowhere")


@pytest.mark.parametrize("middle", ["", "AAAA", "not base64!"])
def test_a_file_of_broken_public_keys_is_a_sentence(tmp_path: Path, middle: str) -> None:
    """
    It says which file, and nobody's answers are believed for lack of a key.
    """
    file = tmp_path / "broken.pub"
    file.write_text(f"-----BEGIN PUBLIC KEY-----\n{middle}\n-----END PUBLIC KEY-----\n")

    with pytest.raises(SoarError, match="holds something that is no public key"):
        load_verifier(file)


def test_a_retired_key_lets_nothing_go_any_more(tmp_path: Path) -> None:
    """
    From the time on that a line before it names; other keys of the file count on.
    """
    files = [tmp_path / name for name in ("old.pem", "old.pub", "new.pem", "new.pub")]
    generate(files[0], files[1])
    generate(files[2], files[3])
    old, new = load_signer(files[0]), load_signer(files[2])
    until = datetime(2026, 12, 31, tzinfo=UTC)
    known = tmp_path / "verify.pem"
    known.write_text(f"# until {until.isoformat()}\n{files[1].read_text()}{files[3].read_text()}")

    found = load_verifier(known)
    before = Verifier(found.keys, found.until, clock=lambda: until - timedelta(seconds=1))
    after = Verifier(found.keys, found.until, clock=lambda: until)

    assert before.verify(ANSWER, old.sign(ANSWER), old.key_id)
    assert not after.verify(ANSWER, old.sign(ANSWER), old.key_id)
    assert after.made(ANSWER, old.sign(ANSWER), old.key_id)
    assert after.verify(ANSWER, new.sign(ANSWER), new.key_id)


@pytest.mark.parametrize("written", ["soon", "31.12.2026", "2026-13-01"])
def test_a_retirement_that_names_no_time_is_refused(tmp_path: Path, written: str) -> None:
    """
    A key that was meant to be retired must not count on because of a slip of the pen.
    """
    generate(tmp_path / "private.pem", tmp_path / "public.pem")
    public = tmp_path / "public.pem"
    public.write_text(f"# until {written}\n{public.read_text()}")

    with pytest.raises(SoarError, match="names no time; write it like 2026-12-31"):
        load_verifier(public)
