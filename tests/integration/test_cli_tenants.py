"""
``soar tenant``, and the tenants of people, assets and alerts on the command line.

In: command lines against a real database and stream. Out: documents, rows, audit entries.
Never: an alert of a tenant that nobody knows among the containers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from soar.bootstrap import House
from soar.domain.errors import NotFound
from soar.ingest.stream import StreamReader
from tests.integration.conftest import Soar
from tests.integration.test_cli import VIRUSTOTAL, token, written

ALERT = {"name": "Mail", "source_data_identifier": "a-1"}


def document(soar: Soar, *words: object) -> Any:
    """Return the document of a command that succeeds."""
    done = soar(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def audited(house: House) -> list[str]:
    """Return what was done."""
    rows = house.database.run("select what from audit where who = 'command line' order by id", {})
    return [what for (what,) in rows]


def test_tenants_are_made_listed_renamed_and_disabled(house: House, soar: Soar) -> None:
    """
    The Default Tenant is there from the beginning, and takes containers for good.
    """
    assert [(t["id"], t["name"]) for t in document(soar, "tenant", "list")] == [
        (0, "Default Tenant")
    ]
    made = document(soar, "tenant", "add", "  Acme   Europe ")
    assert (made["name"], made["active"]) == ("Acme Europe", True)
    document(soar, "tenant", "edit", made["id"], "--name", "Acme")
    assert document(soar, "tenant", "disable", "acme")["active"] is False
    assert "takes no new containers" in soar("tenant", "disable", "Acme").stdout
    assert document(soar, "tenant", "edit", "Acme", "--enable")["active"] is True
    assert "Acme" in soar("tenant", "list").stdout

    assert soar("tenant", "add", "ACME").exit_code == 5
    assert soar("tenant", "add", "12").exit_code == 2
    assert soar("tenant", "edit", "Acme").exit_code == 2
    assert soar("tenant", "edit", "Acme", "--name", "default tenant").exit_code == 5
    assert soar("tenant", "disable", "Nobody").exit_code == 2
    assert "cannot be disabled" in soar("tenant", "disable", "0").output
    assert audited(house) == ["tenant added", *["tenant changed"] * 4]


def test_a_person_is_given_tenants(house: House, soar: Soar) -> None:
    """
    A new token and new roles leave them as they are.
    """
    document(soar, "tenant", "add", "Acme")
    token(soar, "anna", "--role", "analyst")
    assert document(soar, "user", "show", "anna")["tenants"] == []

    given = soar("user", "tenants", "anna", "acme", "0")
    assert given.stdout == "anna sees Default Tenant, Acme\n"
    token(soar, "anna")
    document(soar, "user", "roles", "anna", "--role", "soc_tier2")
    assert document(soar, "user", "show", "anna")["tenants"] == [0, 1]

    for words in (["anna"], ["anna", "Acme", "--all"], ["anna", "Nobody"]):
        assert soar("user", "tenants", *words).exit_code == 2
    assert soar("user", "tenants", "nobody", "Acme").exit_code == 3
    assert "all tenants" in soar("user", "tenants", "anna", "--all").stdout
    assert audited(house).count("user tenants set") == 2


def test_an_asset_is_given_tenants(house: House, soar: Soar, tmp_path: Path) -> None:
    """
    On the command line or in its file; a change of its settings leaves them as they are.
    """
    document(soar, "tenant", "add", "Acme")
    soar("asset", "add", written(tmp_path, VIRUSTOTAL))

    assert document(soar, "asset", "tenants", "virustotal_prod", "Acme")["tenants"] == [1]
    document(soar, "asset", "set", "virustotal_prod", "max_requests_per_minute=3")
    document(soar, "asset", "add", written(tmp_path, VIRUSTOTAL))
    assert document(soar, "asset", "show", "virustotal_prod")["tenants"] == [1]
    document(soar, "asset", "add", written(tmp_path, {**VIRUSTOTAL, "tenants": []}))
    assert document(soar, "asset", "show", "virustotal_prod")["tenants"] == []
    wrong = soar("asset", "add", written(tmp_path, {**VIRUSTOTAL, "tenants": ["Nobody"]}))
    assert (wrong.exit_code, "'Nobody' is no tenant" in wrong.output) == (2, True)
    assert soar("asset", "tenants", "nothing", "Acme").exit_code == 3


def test_an_alert_of_an_unknown_tenant_is_refused_before_it_is_sent(
    soar: Soar, tmp_path: Path
) -> None:
    """
    With the place where it stands, like any other mistake.
    """
    document(soar, "tenant", "add", "Acme")

    good = soar("alert", "push", written(tmp_path, [{**ALERT, "tenant": "ACME"}]))
    wrong = soar("alert", "push", written(tmp_path, [ALERT, {**ALERT, "tenant": "Nobody"}]))

    assert good.exit_code == 0
    assert wrong.exit_code == 2
    assert "[1].tenant: 'Nobody' is no tenant that takes new containers" in wrong.output


@pytest.fixture
def reader(house: House) -> StreamReader:
    """A consumer of the alert stream."""
    client: redis.Redis = redis.Redis.from_url(
        house.settings.redis_url.get_secret_value(), decode_responses=True
    )
    return StreamReader(
        database=house.database,
        client=client,
        stream="tenants",
        consumer="a",
        labels=("events",),
    )


def test_alerts_of_the_stream_go_to_their_tenants(
    house: House, soar: Soar, reader: StreamReader
) -> None:
    """
    One that names an unknown or a disabled tenant is put aside, where its author looks.
    """
    for name in ("Acme", "Gone"):
        document(soar, "tenant", "add", name)
    document(soar, "tenant", "disable", "Gone")
    named: list[Any] = [None, "", "acme", 1, "1", "Nobody", "Gone", {"a": 1}]
    for number, tenant in enumerate(named):
        alert = {"name": "m", "source_data_identifier": f"a-{number}", "tenant": tenant}
        reader.client.xadd("tenants", {"alert": json.dumps(alert)})

    reader.step()

    rows = house.database.run("select source_id, tenant_id from container order by id", {})
    assert rows == [("a-0", 0), ("a-1", 0), ("a-2", 1), ("a-3", 1), ("a-4", 1)]
    dead: Any = reader.client.xrange("tenants:dead")
    known = "is no tenant that takes new containers: see `soar tenant list`"
    assert [fields["reason"] for _, fields in dead] == [
        f"tenant: 'Nobody' {known}",
        f"tenant: 'Gone' {known}",
        "tenant: must be text, not dict",
    ]


def test_an_alert_that_names_no_tenant_reads_no_table_of_them(house: House) -> None:
    """
    The one statement that adds its container also finds its tenant; here it needs none.
    """
    with house.database.begin() as work:
        work.tenants._do("delete from tenant")
        number = work.containers._value(
            "insert into container (asset, source_id) values ('a', '1') returning id"
        )
        assert work.containers.find("a", "1") == number
        with pytest.raises(NotFound):
            work.containers.find("a", "2")
