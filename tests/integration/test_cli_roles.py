"""
`soar role`: what people may do, said by an operator.

In: command lines against a real database. Out: documents, rows, audit entries.
Never: a built-in role changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from soar import access
from soar.bootstrap import House
from soar.domain.roles import BUILT_IN
from tests.integration.conftest import Soar


def document(soar: Soar, *words: str, **more: Any) -> Any:
    """Return the document of a command that succeeds."""
    done = soar(*words, "--json", **more)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def person(house: House, name: str, *roles: str) -> str:
    """Make somebody with a token, and return it."""
    with house.database.begin() as work:
        return access.create_token(work, name, roles=list(roles))


def test_a_role_is_made_shown_changed_and_disabled(house: House, soar: Soar) -> None:
    """
    Each step says what the role permits and who has it, and is on the record.
    """
    token = person(house, "tom", "tier1")
    made = document(soar, "role", "add", "tier1", "--allow", "view *", "--description", "First")
    shown = document(soar, "role", "show", "tier1")
    changed = document(
        soar, "role", "edit", "tier1", "--allow", "edit containers", "--deny", "view users_roles"
    )
    gone = document(soar, "role", "delete", "tier1")

    assert (made["id"], made["immutable"], made["people"]) == (101, False, ["tom"])
    assert shown == made
    assert "edit containers" in changed["permissions"]
    assert "view users_roles" not in changed["permissions"]
    assert len(changed["permissions"]) == len(made["permissions"])
    assert (gone["disabled"], gone["people"]) == (True, ["tom"])
    with house.database.begin() as work:
        assert access.authenticate(work, token).permissions == frozenset()
        assert access.authenticate(work, token).roles == ("tier1",)
    again = document(soar, "role", "edit", "tier1", "--enable")
    assert (again["disabled"], again["permissions"]) == (False, changed["permissions"])
    entries = house.database.run("select who, what from audit order by id", {})
    assert [tuple(entry) for entry in entries] == [
        ("command line", "role added"),
        ("command line", "role edited"),
        ("command line", "role disabled"),
        ("command line", "role enabled"),
    ]


def test_every_role_is_listed_with_how_many_have_it(house: House, soar: Soar) -> None:
    """
    Built-in ones first, then one's own; a disabled one is not there.
    """
    person(house, "root", "admin")
    for name in ("tier1", "tier9"):
        document(soar, "role", "add", name)
    document(soar, "role", "delete", "tier9")

    listed = document(soar, "role", "list")
    table = soar("role", "list").stdout

    assert [role["name"] for role in listed] == [*BUILT_IN, "tier1"]
    assert {role["name"]: role["people"] for role in listed}["admin"] == 1
    assert "everything" in table
    assert "view *, edit containers, edit custom_lists, execute playbooks" in table
    assert "workbooks" in soar("role", "show", "analyst").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nobody"), 3),
        (("delete", "nobody"), 3),
        (("edit", "nobody"), 3),
        (("delete", "admin"), 4),
        (("edit", "Observer", "--allow", "* *"), 4),
        (("add", "ADMIN"), 5),
        (("add", "x", "--allow", "fly planes"), 2),
        (("add", "a\nb"), 2),
    ],
)
def test_what_cannot_be_is_refused(soar: Soar, words: tuple[str, ...], code: int) -> None:
    """
    With the exit code of its kind, and nothing changed.
    """
    assert soar("role", *words).exit_code == code
    assert len(document(soar, "role", "list")) == len(BUILT_IN)


def test_a_name_that_nothing_knows_is_mentioned(house: House, soar: Soar) -> None:
    """
    It may be meant, so nothing is refused; a role, a known name and the approvers' are not worth
    a word.
    """
    person(house, "ben", "soc_tier3")

    slip = soar("user", "add", "anna", "--role", "analist", "--role", "soc_tier3", "--json")
    known = soar("user", "add", "cy", "--role", "analyst", "--role", house.settings.approvers)
    roles = soar("user", "roles", "cy", "--role", "analyst", "--role", "soc_tire3")
    token = soar("token", "create", "splunk", "--role", "automatoin", "--json")
    none = soar("user", "add", "dan")

    assert (slip.exit_code, known.exit_code, roles.exit_code, token.exit_code) == (0, 0, 0, 0)
    assert "note: 'analist': no role" in slip.stderr
    assert "soc_tier3" not in slip.stderr
    assert "note:" not in known.stderr
    assert "soc_tire3" in roles.stderr
    assert "automatoin" in token.stderr
    assert "note: without a role dan may do nothing" in none.stderr


def test_a_person_starts_a_run_only_with_the_permission(
    house: House, soar: Soar, tmp_path: Path
) -> None:
    """
    The shell is the operator; somebody who names themselves by a token needs execute playbooks.
    """
    with house.database.begin() as work:
        work.playbooks.save(name="triage", title="Triage", version="1", source="pass")
    run = ("playbook", "run", "triage", "--container", "1", "--token-file")
    refused, allowed = tmp_path / "observer", tmp_path / "analyst"
    refused.write_text(person(house, "olga", "Observer"))
    allowed.write_text(person(house, "anna", "analyst"))

    no = soar(*run, str(refused))
    yes = soar(*run, str(allowed))

    assert no.exit_code == 4
    assert "execute playbooks" in no.stderr
    assert yes.exit_code == 3  # there is no container 1: it was let in
