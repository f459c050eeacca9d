"""What may leave: no secret, no person, and equal things still equal."""

from __future__ import annotations

import json

import pytest

from soar.domain.redaction import MASK, Redactor, is_secret, masked


@pytest.mark.parametrize(
    "name",
    ["password", "newPassword", "api_key", "apiKey", "ph-auth-token", "client_secret",
     "Authorization", "Set-Cookie", "private key"],
)  # fmt: skip
def test_a_field_of_such_a_name_holds_a_secret(name: str) -> None:
    """
    In whatever spelling.
    """
    assert is_secret(name)


@pytest.mark.parametrize("name", ["sourceAddress", "passed", "key", "user", "message"])
def test_another_field_does_not(name: str) -> None:
    """
    A part of a word is not enough.
    """
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("password=hunter22", "password="),
        ('{"api_key": "hunter22"}', "api_key"),
        ("Authorization: Bearer hunter22hunter22", "Authorization"),
        ("https://soar:hunter22@vendor.example/x", "vendor.example/x"),
        ("-----BEGIN PRIVATE KEY-----\nhunter22\n-----END PRIVATE KEY-----", ""),
    ],
)
def test_a_secret_inside_a_text_is_seen(text: str, kept: str) -> None:
    """
    After a word for one, in a header, in an address, as a key.
    """
    for found in (masked(text), Redactor().redact({"note": text})["note"]):
        assert "hunter22" not in found
        assert kept in found
    assert MASK in masked(text)


def test_a_secret_is_gone_wherever_it_stands() -> None:
    """
    Also where no name tells what it is, and under a name inside a name.
    """
    document = {
        "cef": {"password": "correct-horse"},
        "said": "he typed correct-horse twice",
        "credentials": [{"value": "battery-staple"}, 1234567],
    }
    found = Redactor().redact(document)

    assert found["cef"]["password"] == "secret-1"
    assert found["said"] == "he typed secret-1 twice"
    assert found["credentials"] == [{"value": "secret-2"}, "secret-3"]


def test_equal_people_have_equal_names_and_a_block_may_take_an_address_apart() -> None:
    """
    The domain stays; the part before it has one pseudonym, alone and in the address.
    """
    document = {
        "mail": "grace.h@corp.example",
        "user": "grace.h",
        "again": "grace.h@other.example wrote to lin@corp.example",
        "grace.h@corp.example": "graceful",
    }
    found = Redactor().redact(document)

    assert found == {
        "mail": "person-1@corp.example",
        "user": "person-1",
        "again": "person-1@other.example wrote to person-2@corp.example",
        "person-1@corp.example": "graceful",
    }


def test_what_names_nobody_stays() -> None:
    """
    Mailboxes of a role, what the playbook says itself, and what is too short to be told apart.
    """
    document = {"to": "abuse@corp.example, boss@corp.example, al@corp.example", "is": "al boss"}

    assert Redactor(spared=frozenset({"boss"})).redact(document) == document


def test_people_of_the_house_have_pseudonyms() -> None:
    """
    Where their names stand as words.
    """
    found = Redactor(people=["ada"]).redact({"user": "ada", "said": "adamant, ada said"})

    assert found == {"user": "person-1", "said": "adamant, person-1 said"}


def test_numbers_and_shapes_stay_as_they_are() -> None:
    """
    A document without secrets is the same document.
    """
    document = {"a": [1, 2.5, None, True], "b": {"c": "text"}, "password": "", "token": None}

    assert Redactor().redact(document) == document
    assert json.dumps(masked(document)) == json.dumps(document)
