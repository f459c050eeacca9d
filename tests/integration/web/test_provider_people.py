"""
Who somebody is at a provider, and what they may here: links, new people, roles by groups.

In: what the provider says, what an operator has set. Out: people and their roles.
Never: a person taken over by their name, or a role of an operator's taken away by a group.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from soar import federation, users
from soar.bootstrap import House
from tests.integration.web.op import Op, through
from tests.integration.web.sso import Browsers, at, audited, link, roles
from tests.integration.web.stage import person

GROUPS = "soc-analysts=analyst; CN=Tier2,OU=Groups=soc_tier2; soc-leads=soc_lead"


def test_nobody_is_made_unless_an_operator_wants_it(house: House, sso: Browsers, op: Op) -> None:
    """
    The page says which subject the operator must link.
    """
    op.says = {"sub": "new-there", "preferred_username": "newcomer"}

    refused = through(sso())

    assert refused.status_code == 403
    assert "link the subject &#39;new-there&#39;" in refused.text
    assert not house.database.run("select 1 from person where username = 'newcomer'", {})
    _, detail = audited(house, "sign-in through the provider refused")[0]
    assert (detail["why"], detail["subject"]) == ("not linked", "new-there")


def test_a_name_of_the_provider_never_takes_over_a_person(
    house: House, ada: str, op: Op, tmp_path: Path
) -> None:
    """
    Not even where people are made, in whatever case the name comes.
    """
    op.says = {"sub": "mallory-there"}
    with at(house, op, tmp_path, oidc_create_people=True) as browsers:
        for name in ("ada", "ADA"):
            op.says["preferred_username"] = name
            mine = browsers()
            refused = through(mine)
            assert (refused.status_code, "ask your operator to link" in refused.text) == (403, True)
            assert not mine.is_signed_in
    assert not house.database.run("select 1 from linked_identity", {})
    assert roles(house) == ["soc_tier2"]


def test_people_are_made_at_their_first_sign_in_where_that_is_wanted(
    house: House, op: Op, tmp_path: Path
) -> None:
    """
    With the roles of their groups and no others; the second time it is the same person.
    """
    op.says = {"sub": "ben-there", "preferred_username": "ben", "groups": ["soc-analysts", "x"]}
    more: dict[str, Any] = {"oidc_create_people": True, "oidc_roles": GROUPS}
    with at(house, op, tmp_path, **more) as browsers:
        assert through(browsers()).status_code == 303
        op.says["preferred_username"] = "benjamin"
        assert through(browsers()).status_code == 303

    assert roles(house, "ben") == ["analyst"]
    assert house.database.run("select username from person", {}) == [("ben",)]
    assert audited(house, "user added")[0][1]["subject"] == "ben-there"


@pytest.mark.parametrize(
    ("claim", "says", "name"),
    [
        ("", {"preferred_username": "ben", "email": "b@x.test", "email_verified": True}, "ben"),
        ("", {"email": "b@x.test", "email_verified": True}, "b@x.test"),
        ("", {"email": "b@x.test", "email_verified": False}, ""),
        ("", {"email": "b@x.test", "email_verified": "true"}, ""),
        ("", {"email": "b@x.test"}, ""),
        ("email", {"preferred_username": "ben", "email": "b@x.test"}, ""),
        ("email", {"email": "b@x.test", "email_verified": True}, "b@x.test"),
        ("upn", {"upn": "ben@x.test", "preferred_username": "ben"}, "ben@x.test"),
        ("upn", {"preferred_username": "ben"}, ""),
        ("", {"preferred_username": "ben smith"}, ""),
        ("", {"preferred_username": 7}, ""),
        ("", {}, ""),
    ],
)  # fmt: skip
def test_a_name_is_the_claim_that_was_set_and_an_email_only_if_verified(
    house: House, op: Op, tmp_path: Path, claim: str, says: dict[str, Any], name: str
) -> None:
    """
    Who has none that can be a name is not made.
    """
    op.says = {"sub": "ben-there", **says}
    more: dict[str, Any] = {"oidc_create_people": True, "oidc_username_claim": claim}
    with at(house, op, tmp_path, **more) as browsers:
        status = through(browsers()).status_code

    made = [username for (username,) in house.database.run("select username from person", {})]
    assert (status, made) == ((303, [name]) if name else (403, []))


def test_roles_by_groups_follow_the_groups_and_leave_an_operators_alone(
    house: House, ada: str, op: Op, tmp_path: Path
) -> None:
    """
    Each sign-in replaces those of the last one; what an operator gave stays, named by a group or
    not.
    """
    link(house, op)
    with at(house, op, tmp_path, oidc_roles=GROUPS) as browsers:
        for groups, expected in (
            (["soc-analysts", "CN=Tier2,OU=Groups"], ["soc_tier2", "analyst"]),
            (["soc-leads"], ["soc_tier2", "soc_lead"]),
            ("soc-analysts", ["soc_tier2", "analyst"]),
            (None, ["soc_tier2"]),
            ({"soc-leads": 1}, ["soc_tier2"]),
            (["soc-leads", 7], ["soc_tier2", "soc_lead"]),
        ):
            op.says["groups"] = groups
            assert through(browsers()).status_code == 303
            assert roles(house) == expected
    changes = audited(house, "user roles set")
    assert [detail["groups"] for _, detail in changes] == [
        ["analyst"], ["soc_lead"], ["analyst"], [], ["soc_lead"],
    ]  # fmt: skip


def test_roles_that_an_operator_sets_are_the_operators_from_then_on(
    house: House, ada: str, op: Op, tmp_path: Path
) -> None:
    """
    Also one that a group gave before: leaving the group does not take it away any more.
    """
    link(house, op)
    with at(house, op, tmp_path, oidc_roles=GROUPS) as browsers:
        op.says["groups"] = ["soc-leads"]
        through(browsers())
        with house.database.begin() as work:
            users.set_roles(work, "ada", roles=["soc_lead"], by="test")
        op.says["groups"] = []
        through(browsers())

    assert roles(house) == ["soc_lead"]


def test_unlinking_takes_the_roles_of_groups_and_the_sessions(
    house: House, ada: str, op: Op, tmp_path: Path
) -> None:
    """
    What an operator gave stays.
    """
    link(house, op)
    with at(house, op, tmp_path, oidc_roles=GROUPS) as browsers:
        op.says["groups"] = ["soc-leads"]
        mine = browsers()
        through(mine)
        with house.database.begin() as work:
            assert federation.unlink(work, "ada", issuer=op.url, by="test") == 1
        assert not mine.is_signed_in
        assert through(mine).status_code == 403

    assert roles(house) == ["soc_tier2"]


def test_groups_that_only_userinfo_tells_are_asked_for_there(
    house: House, ada: str, op: Op, tmp_path: Path
) -> None:
    """
    Its answer must be about the same person, and says nothing of who that is or when.
    """
    link(house, op)
    op.tells = {"groups": ["soc-leads"], "auth_time": 1, "acr": "x", "iss": "https://other.test"}
    with at(house, op, tmp_path, oidc_roles=GROUPS) as browsers:
        assert through(browsers()).status_code == 303
        assert roles(house) == ["soc_tier2", "soc_lead"]
        op.tells["sub"] = "somebody-there"
        refused = through(browsers())

    assert (refused.status_code, "could not be trusted" in refused.text) == (403, True)


@pytest.mark.parametrize(
    ("tells", "name"),
    [
        ({"email": "ben@x.test", "email_verified": True}, "ben@x.test"),
        ({"email_verified": True}, ""),
        ({"email": "ben@x.test"}, ""),
        ({"preferred_username": "ben"}, "ben"),
    ],
)
def test_a_name_may_come_from_userinfo_but_verified_is_only_what_comes_along(
    house: House, op: Op, tmp_path: Path, tells: dict[str, Any], name: str
) -> None:
    """
    The unverified address of the id_token is not made good by a word about another.
    """
    op.says = {"sub": "ada-there", "email": "victim@x.test"}
    op.tells = tells
    with at(house, op, tmp_path, oidc_create_people=True) as browsers:
        status = through(browsers()).status_code

    made = [username for (username,) in house.database.run("select username from person", {})]
    assert (status, made) == ((303, [name]) if name else (403, []))


def test_userinfo_is_not_asked_where_nothing_is_missing(sso: Browsers, op: Op) -> None:
    """
    Whom an operator has linked is known by issuer and subject.
    """
    through(sso())

    assert "/userinfo" not in [path for path, _ in op.asked]


def test_two_first_sign_ins_of_one_name_make_one_person(house: House) -> None:
    """
    The second finds the name taken.
    """
    with house.database.begin() as work:
        assert work.identities.new_person("ben") is not None
        assert work.identities.new_person("ben") is None
        assert work.identities.new_person("Ben") is None


def test_a_machine_is_nobody_at_a_provider(house: House, sso: Browsers, op: Op) -> None:
    """
    Neither linked by an operator, nor let in if it became one afterwards.
    """
    person(house, "tom")
    link(house, op, "tom", "tom-there")
    with house.database.begin() as work:
        work.people._do("update person set kind = 'automation' where username = 'tom'")
    op.says["sub"] = "tom-there"

    assert through(sso()).status_code == 403
