"""
`soar user link` and what `soar doctor` says of the provider.

In: command lines against a real database and a provider on loopback. Out: links, findings.
Never: an identity that two people share.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from soar.bootstrap import House
from soar.cli.exits import NEEDS_PERSON
from soar.store.election import Election
from tests.integration.conftest import Soar
from tests.integration.web import op as ops
from tests.integration.web.op import Op
from tests.integration.web.stage import quick_hashes

__all__ = ["quick_hashes"]
pytestmark = pytest.mark.usefixtures("quick_hashes")
ISSUER = "https://login.example.com/realms/soc"


@pytest.fixture
def op() -> Iterator[Op]:
    """A provider."""
    with ops.running() as made:
        yield made


def document(soar: Soar, *words: str, **more: Any) -> Any:
    """Return the document of a command that succeeds."""
    done = soar(*words, "--json", **more)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_person_is_linked_once_and_shown_so(house: House, soar: Soar) -> None:
    """
    The issuer is the one that is set, unless another is named; each change is on the record.
    """
    document(soar, "user", "add", "anna")
    document(soar, "user", "add", "ben")
    made = document(soar, "user", "link", "anna", "--subject", "a1", SOAR_OIDC_ISSUER=ISSUER)
    assert made == {"user": "anna", "issuer": ISSUER, "subject": "a1"}

    (shown,) = document(soar, "user", "show", "anna")["identities"]
    assert (shown["issuer"], shown["subject"], shown["provided"]) == (ISSUER, "a1", [])
    assert "a1 at " + ISSUER in " ".join(soar("user", "show", "anna").stdout.split())
    linked = {p["username"]: p["linked"] for p in document(soar, "user", "list")}
    assert linked == {"anna": True, "ben": False}
    for user, subject in (("anna", "a2"), ("ben", "a1"), ("anna", "a1")):
        again = soar("user", "link", user, "--subject", subject, "--issuer", ISSUER)
        assert again.exit_code == 5
    assert document(soar, "user", "link", "ben", "--subject", "a1", "--issuer", ISSUER + "2")

    document(soar, "user", "unlink", "anna", "--issuer", ISSUER)
    assert document(soar, "user", "show", "anna")["identities"] == []
    assert soar("user", "unlink", "anna", "--issuer", ISSUER).exit_code == 3
    rows = house.database.run("select what from audit where what like 'identity%%' order by id", {})
    assert [what for (what,) in rows] == ["identity linked"] * 2 + ["identity unlinked"]


def test_a_link_that_cannot_be_is_refused(soar: Soar) -> None:
    """
    No issuer, one in clear, no subject, a machine, nobody.
    """
    document(soar, "user", "add", "anna")
    document(soar, "token", "create", "bot", "--automation")
    link = ("user", "link")

    assert soar(*link, "anna", "--subject", "a").exit_code == 2
    assert soar(*link, "anna", "--subject", "a", "--issuer", "http://a.test").exit_code == 2
    assert soar(*link, "anna", "--subject", "", "--issuer", ISSUER).exit_code == 2
    assert soar(*link, "bot", "--subject", "a", "--issuer", ISSUER).exit_code == 2
    assert soar(*link, "nobody", "--subject", "a", "--issuer", ISSUER).exit_code == 3


def test_doctor_says_when_the_provider_cannot_be_read(house: House, soar: Soar, op: Op) -> None:
    """
    Its discovery and its keys; a setting that is missing is named.
    """
    election = Election(house.settings.database_url.get_secret_value())
    assert election.stand()
    env = {
        "SOAR_OIDC_ISSUER": op.url,
        "SOAR_OIDC_CLIENT_ID": "soar",
        "SOAR_PUBLIC_URL": "https://soar.test",
        "SOAR_OIDC_CLIENT_SECRET_FILE": "/only/http/reads/it",
    }
    try:
        well = soar("doctor", "--json", **env)
        op.answers["/keys"] = (500, b"{}")
        ill = soar("doctor", "--json", **env)
        incomplete = soar("doctor", "--json", **env | {"SOAR_OIDC_CLIENT_ID": ""})
    finally:
        election.resign()

    assert json.loads(well.stdout) == {"healthy": True, "findings": []}
    (finding,) = json.loads(ill.stdout)["findings"]
    assert (finding["kind"], ill.exit_code) == ("provider away", NEEDS_PERSON)
    assert f"{op.url}/keys answers with 500" in finding["detail"]
    assert "SOAR_OIDC_CLIENT_ID" in json.loads(incomplete.stdout)["findings"][0]["detail"]
