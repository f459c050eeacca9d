"""
Roles as values: what the built-in ones permit, and permissions as people and clients write them.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain import roles
from soar.domain.errors import BadInput
from soar.domain.model import Person

SPLUNKS = {
    "Administrator",
    "Asset Owner",
    "Automation",
    "Automation Broker",
    "Automation Engineer",
    "Incident Commander",
    "Observer",
}


def test_the_built_in_roles_are_splunks_seven_and_the_products_own() -> None:
    """
    Each has a number of its own, below those of roles that people make, and may look.
    """
    assert set(roles.BUILT_IN) == SPLUNKS | {"admin", "analyst", "automation"}
    numbers = [role.id for role in roles.BUILT_IN.values()]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < roles.FIRST_OWN
    for role in roles.BUILT_IN.values():
        assert role.permissions >= roles.LOOK
        assert role.permissions <= roles.EVERYTHING


def test_the_products_own_roles_may_do_what_they_could() -> None:
    """
    An administrator everything; analysts and machines handle containers and run playbooks.
    """
    handles = roles.LOOK | {"edit containers", "edit custom_lists", "execute playbooks"}

    assert roles.permitted(["admin"]) == roles.EVERYTHING
    assert roles.permitted(["Administrator"]) == roles.EVERYTHING
    assert roles.permitted(["analyst"]) == roles.permitted(["automation"]) == handles


def test_only_administrators_change_settings_people_and_protection() -> None:
    """
    No other built-in role edits the rules of the system or roles.
    """
    guarded = {"edit system_settings", "edit users_roles", "delete users_roles"}
    for role in roles.BUILT_IN.values():
        if role.name not in roles.ADMINISTRATORS:
            assert not role.permissions & guarded, role.name


def test_several_roles_permit_all_that_each_does() -> None:
    """
    Permissions add up; a name that is no role adds nothing, and neither does a word in a row.
    """
    assert roles.permitted(["Observer", "soc_tier2"]) == roles.LOOK
    assert roles.permitted(["soc_tier2"], ["edit assets", "fly planes"]) == {"edit assets"}
    assert roles.permitted([]) == frozenset()
    assert roles.permitted(["ADMIN", "Admin "]) == frozenset()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["edit assets"], {"edit assets"}),
        (["view *"], roles.LOOK),
        (["* assets"], {f"{verb} assets" for verb in roles.VERBS}),
        (["* *"], roles.EVERYTHING),
        (["  edit   assets "], {"edit assets"}),
        ([], set()),
    ],
)
def test_permissions_are_read_as_people_write_them(texts: list[str], expected: set[str]) -> None:
    """
    A verb and an area, or a star for all of them.
    """
    assert roles.read(texts) == expected


@pytest.mark.parametrize("text", ["", "edit", "assets", "assets edit", "edit asset", "*", "fly *"])
def test_what_is_no_permission_is_refused(text: str) -> None:
    """
    The sentence names what there is.
    """
    with pytest.raises(BadInput, match="users_roles"):
        roles.read([text])


def test_permissions_are_read_as_splunk_shows_them() -> None:
    """
    What is shown can be sent back; what is not named is denied.
    """
    own = frozenset({"view assets", "execute playbooks"})

    assert roles.of_splunk(roles.in_splunks_form(7, own)) == own
    assert roles.of_splunk([]) == frozenset()
    raw: Any = [{"name": "assets", "view": "allow", "id": 3, "role": 1, "extra": None}]
    assert roles.of_splunk(raw) == {"view assets"}
    shown = roles.in_splunks_form(7, own)
    assert [item["name"] for item in shown] == list(roles.AREAS)
    assert {item["role"] for item in shown} == {7}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"assets": "allow"}, "permissions"),
        (["assets"], "permissions.name"),
        ([{"view": "allow"}], "permissions.name"),
        ([{"name": ["assets"]}], "permissions.name"),
        ([{"name": "assets"}, {"name": "assets"}], "permissions.name"),
        ([{"name": "containers", "extra": "archer"}], "permissions.extra"),
        ([{"name": "assets", "fly": "allow"}], "permissions.fly"),
        ([{"name": "assets", "view": True}], "permissions.view"),
        ([{"name": "assets", "view": ["allow"]}], "permissions.view"),
    ],
)
def test_what_splunk_would_not_show_is_refused(raw: Any, field: str) -> None:
    """
    The field is named.
    """
    with pytest.raises(BadInput) as error:
        roles.of_splunk(raw)

    assert error.value.field == field


def test_a_refusal_names_the_permission_and_the_roles() -> None:
    """
    Whoever reads it knows what to ask for.
    """
    who = Person(username="ada", roles=("soc_tier2",))

    assert roles.refusal(who, "assets", "edit", ["admin", "Asset Owner"]) == (
        "ada may not edit assets: it needs the permission 'edit assets', which these roles give:"
        " admin, Asset Owner"
    )
    assert not roles.may(who, "assets", "edit")
