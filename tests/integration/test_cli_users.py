"""
`soar user` and `soar init`: people made by an operator, on the record.

In: command lines against a real database. Out: documents, rows, audit entries.
Never: a password or a secret that is shown twice.
"""

from __future__ import annotations

import json
from typing import Any

import pyotp
import pytest

from soar import access, identity, users
from soar.access import NotAuthenticated
from soar.bootstrap import House
from soar.domain.errors import Conflict
from soar.vault import Vault, VaultClosed, new_key
from tests.integration.conftest import Soar
from tests.integration.web.stage import quick_hashes

PASSWORD = "correct horse battery staple"


pytestmark = pytest.mark.usefixtures("quick_hashes")
__all__ = ["quick_hashes"]


def document(soar: Soar, *words: str, **more: Any) -> Any:
    """Return the document of a command that succeeds."""
    done = soar(*words, "--json", **more)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def enter(house: House, username: str, password: str, code: str = "") -> str:
    """Sign in."""
    with house.database.begin() as work:
        return identity.sign_in(
            work,
            username=username,
            password=password,
            code=code,
            address="192.0.2.1",
            vault=house.vault,
        )


def audited(house: House) -> list[tuple[str, str]]:
    """Return who did what."""
    rows = house.database.run("select who, what from audit order by id", {})
    return [(str(who), str(what)) for who, what in rows]


def test_a_person_is_made_with_a_one_time_password(house: House, soar: Soar) -> None:
    """
    It is shown once, opens a session that only sets a password, and stands hashed.
    """
    made = document(soar, "user", "add", "anna", "--role", "analyst", "--role", "soc_tier2")
    given = made["one_time_password"]

    secret = enter(house, "anna", given)

    with house.database.begin() as work:
        assert identity.session_of(work, secret, address="192.0.2.1") is None
        only = identity.password_session_of(work, secret)
        assert only is not None
        assert only.person.roles == ("analyst", "soc_tier2")
    assert len(given) >= 20
    assert given not in str(
        house.database.run("select c::text, a::text from credential c, audit a", {})
    )
    assert given not in soar("user", "list", "--json").stdout
    assert ("command line", "user added") in audited(house)
    assert soar("user", "add", "anna").exit_code == 5
    assert soar("user", "add", "a b").exit_code == 2
    assert soar("user", "add", "ben", "--role", "a\nb").exit_code == 2


def test_a_password_is_read_from_standard_input_and_checked(house: House, soar: Soar) -> None:
    """
    A weak one is refused in a sentence that does not repeat it; a good one ends sessions.
    """
    document(soar, "user", "add", "anna")
    for weak in ("short", "aaaaaaaaaaaaaaaa", "anna-anna-12", "x" * 2000, ""):
        refused = soar("user", "password", "anna", given=f"{weak}\n")
        assert refused.exit_code == 2
        assert not weak or weak not in refused.output
    document(soar, "user", "password", "anna", given=f"{PASSWORD}\n")
    secret = enter(house, "anna", PASSWORD)
    document(soar, "user", "password", "anna", given=f"{PASSWORD}2\n")

    with house.database.begin() as work:
        assert identity.session_of(work, secret, address="192.0.2.1") is None
    assert enter(house, "anna", f"{PASSWORD}2")
    assert soar("user", "password", "nobody", given=f"{PASSWORD}\n").exit_code == 3


def test_a_lost_password_is_replaced_by_a_one_time_one(house: House, soar: Soar) -> None:
    """
    The old one counts no more.
    """
    document(soar, "user", "add", "anna")
    document(soar, "user", "password", "anna", given=f"{PASSWORD}\n")
    given = document(soar, "user", "password", "anna", "--one-time")["one_time_password"]

    with pytest.raises(NotAuthenticated):
        enter(house, "anna", PASSWORD)
    assert enter(house, "anna", given)


def test_codes_are_asked_for_once_they_are_enrolled(house: House, soar: Soar) -> None:
    """
    The address is shown once, its secret stands sealed, and an operator takes it away again.
    """
    document(soar, "user", "add", "anna")
    document(soar, "user", "password", "anna", given=f"{PASSWORD}\n")
    address = document(soar, "user", "totp", "enrol", "anna")["otpauth"]
    app = pyotp.parse_uri(address)
    assert isinstance(app, pyotp.TOTP)

    with pytest.raises(NotAuthenticated):
        enter(house, "anna", PASSWORD)
    assert enter(house, "anna", PASSWORD, app.now())

    assert app.secret not in str(house.database.run("select c::text from credential c", {}))
    assert app.secret not in str(house.database.run("select a::text from audit a", {}))
    assert document(soar, "user", "show", "anna")["codes"] is True
    assert soar("user", "totp", "enrol", "anna").exit_code == 5
    document(soar, "user", "totp", "remove", "anna")
    assert enter(house, "anna", PASSWORD)
    assert soar("user", "totp", "remove", "anna").exit_code == 5


def test_the_secrets_of_codes_are_sealed_again_with_a_new_key(
    house: House, soar: Soar, tmp_path: Any
) -> None:
    """
    `soar vault rotate` leaves nothing behind that only an old key opens.
    """
    document(soar, "user", "add", "anna")
    document(soar, "user", "totp", "enrol", "anna")
    assert house.settings.vault_key_file is not None
    new = new_key()
    both = f"{new},{house.settings.vault_key_file.read_text().strip()}"

    done = document(soar, "vault", "rotate", SOAR_VAULT_KEYS=both)

    assert done["people"] == ["anna"]
    from soar.domain.secret import Secret

    with house.database.begin() as work:
        row = work.credentials.of("anna")
    assert row is not None
    assert Vault([Secret(new)]).open(row["totp"]).reveal()
    with pytest.raises(VaultClosed):
        house.vault().open(row["totp"])


def test_a_person_is_kept_out_and_let_in_again(house: House, soar: Soar) -> None:
    """
    With password and tokens; making a token does not let them in by the back door.
    """
    document(soar, "user", "add", "anna")
    document(soar, "user", "password", "anna", given=f"{PASSWORD}\n")
    token = document(soar, "token", "create", "anna")["token"]
    enter(house, "anna", PASSWORD)

    assert document(soar, "user", "disable", "anna")["sessions_ended"] == 1
    with pytest.raises(NotAuthenticated):
        enter(house, "anna", PASSWORD)
    with pytest.raises(NotAuthenticated), house.database.begin() as work:
        access.authenticate(work, token)
    assert soar("token", "create", "anna").exit_code == 5

    document(soar, "user", "enable", "anna")
    assert enter(house, "anna", PASSWORD)
    assert ("command line", "user disabled") in audited(house)
    assert ("command line", "user enabled") in audited(house)


def test_roles_are_given_and_taken(house: House, soar: Soar) -> None:
    """
    Exactly those that are named; what was before is in the audit trail.
    """
    document(soar, "user", "add", "anna", "--role", "admin")

    assert document(soar, "user", "roles", "anna", "--role", "analyst")["roles"] == ["analyst"]
    assert document(soar, "user", "show", "anna")["roles"] == ["analyst"]
    assert document(soar, "user", "roles", "anna")["roles"] == []
    detail = house.database.run(
        "select detail->'before' from audit where what = 'user roles set' order by id", {}
    )
    assert [row[0] for row in detail] == [["admin"], ["analyst"]]


def test_a_machine_never_signs_in(house: House, soar: Soar) -> None:
    """
    It gets no password and no codes.
    """
    document(soar, "token", "create", "bot", "--automation")

    assert soar("user", "password", "bot", "--one-time").exit_code == 2
    assert soar("user", "totp", "enrol", "bot").exit_code == 2


def test_the_first_start_makes_one_administrator_and_no_second(house: House, soar: Soar) -> None:
    """
    With a password that nobody knew before; once anybody has one, nothing is made.
    """
    assert not house.database.run("select 1 from credential", {})
    first = document(soar, "init")

    assert first["user"] == "admin"
    assert enter(house, "admin", first["one_time_password"])
    assert document(soar, "init") == {"user": None, "one_time_password": None}
    assert document(soar, "user", "show", "admin")["roles"] == ["admin"]


def test_somebody_called_admin_keeps_their_roles_at_the_first_start(house: House) -> None:
    """
    A machine or somebody disabled of that name is left alone.
    """
    with house.database.begin() as work:
        access.create_token(work, "admin", roles=["analyst"])
    with house.database.begin() as work:
        assert users.first(work, by="test")
        assert work.people.get("admin")["roles"] == ["analyst", "admin"]

    house.database.run("delete from credential returning 1", {})
    with house.database.begin() as work:
        users.set_active(work, "admin", active=False, by="test")
    with pytest.raises(Conflict, match="disabled"), house.database.begin() as work:
        users.first(work, by="test")


def test_people_are_listed_with_what_they_sign_in_with(house: House, soar: Soar) -> None:
    """
    For people a table, for machines a document; no hash in either.
    """
    document(soar, "user", "add", "anna", "--role", "analyst")
    document(soar, "token", "create", "bot", "--automation")
    enter(
        house, "anna", document(soar, "user", "password", "anna", "--one-time")["one_time_password"]
    )

    listed = document(soar, "user", "list")
    drawn = soar("user", "list").stdout + soar("user", "show", "anna").stdout

    assert [(p["username"], p["password"], p["codes"]) for p in listed] == [
        ("anna", "one-time", False),
        ("bot", "none", False),
    ]
    assert "192.0.2.1" in drawn
    assert "argon2" not in drawn + json.dumps(listed)
    assert soar("user", "show", "nobody").exit_code == 3


def test_a_name_is_a_persons_or_a_role(house: House, soar: Soar) -> None:
    """
    Else somebody called like a role could answer what the role is asked.
    """
    document(soar, "user", "add", "anna", "--role", "soc_tier2")

    refused = soar("user", "add", "soc_tier2")
    assert refused.exit_code != 0
    assert "'soc_tier2' is a role: somebody of that name could answer for it" in refused.output
    refused = soar("user", "add", "ben", "--role", "anna")
    assert "'anna' is a person's name: it cannot be a role as well" in refused.output
    refused = soar("user", "roles", "anna", "--role", "anna", "--role", "soc_tier2")
    assert refused.exit_code == 0  # her own name lets nobody else answer
    with house.database.begin() as work, pytest.raises(Conflict, match="is a role"):
        access.create_token(work, "soc_tier2", roles=[], kind="automation")
    document(soar, "user", "add", "admin", "--role", "admin")
    document(soar, "user", "add", "root", "--role", "admin")
    refused = soar("user", "roles", "admin")
    assert "'admin' is a role" in refused.output
