"""
What may be a password, and how one is checked.
"""

from __future__ import annotations

import pytest

from soar import passwords
from soar.domain.errors import BadInput

GOOD = "correct horse battery staple"


@pytest.mark.parametrize(
    "weak",
    ["", "eleven char", "a" * 40, "abcdabcdabcd", "é" * 513 + "abcdefgh", "Ada.Lovelace1"],
)
def test_a_weak_password_is_refused_without_being_repeated(weak: str) -> None:
    """
    Short, of few characters, too long in bytes, or hardly more than the username.
    """
    with pytest.raises(BadInput) as refused:
        passwords.checked(weak, username="ada.lovelace")

    assert refused.value.field == "password"
    assert not weak or weak not in str(refused.value)


@pytest.mark.parametrize("good", [GOOD, "twelve chars", "пароль-длинный", "x1y2z" * 200])
def test_a_password_of_twelve_characters_is_taken(good: str) -> None:
    """
    Of any script, spaces included.
    """
    assert passwords.checked(good, username="ada") == good


def test_a_hash_matches_its_password_only() -> None:
    """
    However the browser composed its accents; never where there is no hash.
    """
    kept = passwords.hashed("café au lait, please")

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(kept, "cafe\u0301 au lait, please")
    assert not passwords.matches(kept, "cafe au lait, please")
    assert not passwords.matches("", "cafe au lait, please")
    assert not passwords.matches("broken", "cafe au lait, please")
    assert not passwords.matches(kept, "\ud800")


def test_what_is_beyond_the_longest_password_does_not_match() -> None:
    """
    Also where its first part is the password.
    """
    longest = "abcdefgh" * 128
    kept = passwords.hashed(longest)

    assert passwords.matches(kept, longest)
    assert not passwords.matches(kept, longest + "x")


def test_one_time_passwords_are_all_different_and_can_be_read_aloud() -> None:
    """
    Four groups of five, without characters that look alike, and good enough to be passwords.
    """
    made = {passwords.one_time() for _ in range(200)}

    assert len(made) == 200
    for password in made:
        assert set(password) <= {*passwords.ALPHABET, "-"}
        assert passwords.checked(password, username="ada")
    assert not set("0o1il") & set(passwords.ALPHABET)


def test_other_parameters_are_noticed() -> None:
    """
    A hash of an older release is known as such.
    """
    old = passwords.PasswordHasher(time_cost=1, memory_cost=8192).hash(GOOD)

    assert passwords.is_outdated(old)
    assert passwords.matches(old, GOOD)
    assert not passwords.is_outdated(passwords.hashed(GOOD))
