"""
The vault: sealed at rest, opened for one call, printed nowhere.

In: keys and credentials. Out: nothing. Never: a credential in a text that somebody may read.
"""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest

from soar.domain.secret import Secret
from soar.vault import Vault, VaultClosed, is_sealed, new_key, shown

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def key() -> Secret:
    """A key."""
    return Secret(new_key())


def test_what_is_sealed_opens_again(key: Secret) -> None:
    """
    The sealed form does not show the secret, and is another one every time.
    """
    vault = Vault([key])

    one, other = vault.seal(PASSWORD), vault.seal(PASSWORD)

    assert vault.open(one) == vault.open(other) == Secret(PASSWORD)
    assert one != other
    assert PASSWORD not in json.dumps(one)
    assert is_sealed(one)


def test_a_new_key_in_front_opens_old_secrets_and_seals_new_ones(key: Secret) -> None:
    """
    After the rotation of all secrets the old key can go.
    """
    old, new = Vault([key]), Secret(new_key())
    sealed = old.seal(PASSWORD)
    both = Vault([new, key])
    assert both.open(sealed).reveal() == PASSWORD

    rotated = both.rotate(sealed)

    assert Vault([new]).open(rotated).reveal() == PASSWORD
    with pytest.raises(VaultClosed):
        Vault([new]).open(sealed)
    with pytest.raises(VaultClosed):
        old.open(rotated)


@pytest.mark.parametrize("sealed", [{}, {"sealed": ""}, {"sealed": "gAAAA"}, {"other": "x"}])
def test_what_no_key_opens_is_one_sentence(key: Secret, sealed: dict[str, str]) -> None:
    """
    Neither opening nor rotating tells more.
    """
    vault = Vault([key])

    for attempt in (vault.open, vault.rotate):
        with pytest.raises(VaultClosed, match="a key that is not in the vault"):
            attempt(sealed)


def test_a_sealed_text_that_was_changed_does_not_open(key: Secret) -> None:
    """
    A single letter is enough.
    """
    vault = Vault([key])
    text = vault.seal(PASSWORD)["sealed"]
    other = "A" if text[40] != "A" else "B"

    with pytest.raises(VaultClosed):
        vault.open({"sealed": text[:40] + other + text[41:]})


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ([], "no vault key: set SOAR_VAULT_KEYS or SOAR_VAULT_KEY_FILE"),
        ([Secret("too-short")], "a vault key is not valid: make one with"),
    ],
)
def test_a_vault_without_a_usable_key_says_what_to_do(keys: list[Secret], sentence: str) -> None:
    """
    The key itself is not told.
    """
    with pytest.raises(VaultClosed, match=sentence) as raised:
        Vault(keys)

    told = "".join(traceback.format_exception(raised.value))
    assert "too-short" not in told


def test_only_sealed_values_of_a_configuration_are_opened_and_only_they_are_hidden(
    key: Secret,
) -> None:
    """
    Everything else stays as people wrote it.
    """
    vault = Vault([key])
    configuration = {"url": "https://a", "api_key": vault.seal(PASSWORD), "sub": {"a": 1}}

    assert vault.open_all(configuration) == {
        "url": "https://a", "api_key": Secret(PASSWORD), "sub": {"a": 1},
    }  # fmt: skip
    assert shown(configuration) == {"url": "https://a", "api_key": "***", "sub": {"a": 1}}


@pytest.mark.parametrize(
    "write",
    [repr, str, format, "{:>40}".format, "%s".__mod__, lambda s: f"{s!r} {s}", lambda s: repr([s])],
)
def test_an_opened_secret_is_not_printed(write: object) -> None:
    """
    Whatever the way of writing it.
    """
    assert PASSWORD not in write(Secret(PASSWORD))  # type: ignore[operator]


def test_an_opened_secret_does_not_travel(key: Secret) -> None:
    """
    Neither a secret nor a vault is pickled, copied deeply or written as JSON.
    """
    for value in (Secret(PASSWORD), Vault([key]), {"inside": Secret(PASSWORD)}):
        with pytest.raises(TypeError):
            pickle.dumps(value)
        with pytest.raises(TypeError):
            copy.deepcopy(value)
        with pytest.raises(TypeError):
            json.dumps(value)
    assert not hasattr(Secret(PASSWORD), "__dict__")


def test_a_vault_prints_no_key(key: Secret) -> None:
    """
    Its repr is stars.
    """
    assert repr(Vault([key])) == "Vault(***)"


def test_a_traceback_with_local_values_shows_no_secret() -> None:
    """
    Also where a tool prints the locals of every frame.
    """

    def call(credential: Secret) -> None:
        raise RuntimeError(f"failed with {credential}")

    with pytest.raises(RuntimeError) as raised:
        call(Secret(PASSWORD))

    told = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    assert PASSWORD not in "".join(told.format())


def test_secrets_are_equal_by_what_they_hold() -> None:
    """
    And to nothing else.
    """
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
