"""
The schema goes up and down, and is what the tables say.

In: an empty database on a real PostgreSQL. Out: the schema of each revision, compared.
Never: a migration tested on anything but the database it is for.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from soar.domain import roles
from soar.domain.chain import Walk
from soar.domain.gate import tenant_of
from soar.embedded import Servers
from soar.store import migrate
from soar.store.database import Database
from soar.store.people import person_of
from soar.store.tables import metadata


@pytest.fixture
def url(servers: Servers) -> Iterator[str]:
    """An empty database of this test's own."""
    name = f"migrations_{uuid.uuid4().hex[:8]}"
    _administer(servers, f"create database {name}")
    yield f"{servers.database_url.rpartition('/')[0]}/{name}"
    _administer(servers, f"drop database {name}")


def _administer(servers: Servers, statement: str) -> None:
    engine = create_engine(servers.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def revisions() -> list[str]:
    """Return every revision, from the first to the newest."""
    config = Config()
    config.set_main_option("script_location", str(migrate.HERE))
    script = ScriptDirectory.from_config(config)
    return [revision.revision for revision in script.walk_revisions()][::-1]


SCHEMA = """
    select relname, 'column', attname, concat_ws(' ', format_type(atttypid, atttypmod), attnotnull,
      attidentity, attgenerated, pg_get_expr(adbin, adrelid)) from pg_class c
    join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where relkind = 'r' and relnamespace = 'public'::regnamespace
    union all
    select tablename, 'index', indexname, indexdef from pg_indexes where schemaname = 'public'
    union all
    select conrelid::regclass::text, 'constraint', conname, pg_get_constraintdef(oid)
    from pg_constraint where connamespace = 'public'::regnamespace
    union all
    select event_object_table, 'trigger', trigger_name, action_statement || event_manipulation
    from information_schema.triggers
    union all
    select '', 'function', proname, pg_get_functiondef(oid) from pg_proc
    where pronamespace = 'public'::regnamespace
"""


def schema(url: str) -> set[tuple[str, ...]]:
    """Return what stands in the database: each table's columns, indexes, constraints, triggers."""
    engine: Engine = create_engine(url)
    try:
        with engine.connect() as connection:
            found = {tuple(map(str, row)) for row in connection.execute(text(SCHEMA))}
    finally:
        engine.dispose()
    return {each for each in found if each[0] != "alembic_version"}


def test_the_migrations_lead_to_the_tables(url: str) -> None:
    """
    After all migrations, Alembic finds no difference between the database and ``tables.py``.
    """
    migrate.upgrade(url)

    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        differences = compare_metadata(context, metadata)
    engine.dispose()

    assert differences == []


def test_the_schema_goes_down_to_nothing_and_up_again(url: str) -> None:
    """
    A downgrade to base leaves no table, and a second upgrade gives the same schema.
    """
    migrate.upgrade(url)
    first = schema(url)

    assert migrate.downgrade(url, "base") == "base"
    assert schema(url) == set()

    assert migrate.upgrade(url) == revisions()[-1]
    assert schema(url) == first


def test_every_single_revision_can_be_taken_back(url: str) -> None:
    """
    Each revision goes up, down and up again, leaving the schema as it was at each station.
    """
    before, below = schema(url), "base"
    for revision in revisions():
        migrate.upgrade(url, revision)
        after = schema(url)

        migrate.downgrade(url, below)
        assert schema(url) == before

        migrate.upgrade(url, revision)
        assert schema(url) == after
        before, below = after, revision


def test_an_upgrade_of_a_current_database_changes_nothing(url: str) -> None:
    """
    Every process may migrate at its start; only the first one has something to do.
    """
    migrate.upgrade(url)
    first = schema(url)

    assert migrate.upgrade(url) == revisions()[-1]
    assert schema(url) == first


OPEN = """
    with box as (insert into container (asset, source_id) values ('a', '1') returning id),
    book as (insert into playbook (name) values ('p') returning id),
    run as (insert into playbook_run (container_id, playbook_id) select box.id, book.id
      from box, book returning id),
    act as (insert into action_run (run_id, container_id) select run.id, box.id from run, box
      returning id)
    insert into approval (public_id, run_id, action_run_id, container_id, due_at, payload)
    select 'x', run.id, act.id, box.id, now() + interval '1 h', '{"approval": "x"}'
    from run, act, box returning id
"""


def test_what_there_was_before_tenants_is_of_the_default_tenant(url: str) -> None:
    """
    A question that was open at the upgrade is of the tenant of its container, people see all.
    """
    migrate.upgrade(url, "0017")
    engine = create_engine(url)
    with engine.begin() as connection:
        number = connection.execute(text(OPEN)).scalar_one()
        connection.execute(text("insert into person (username) values ('ada')"))
    migrate.upgrade(url)
    with closing(Database(url)) as database, database.begin() as work:
        row, ada = work.approvals.get(number), person_of(work.people.get("ada"))

        assert (row["tenant_id"], tenant_of(row["payload"])) == (0, 0)
        assert (ada.tenants, ada.sees(0, 7)) == ((), True)
        assert [t["name"] for t in work.tenants.all()] == ["Default Tenant"]
    engine.dispose()


def test_what_was_audited_before_there_was_a_chain_is_its_beginning(url: str) -> None:
    """
    Entries of an older release are chained in their order, gaps in their ids or not.
    """
    migrate.upgrade(url, "0007")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into audit (id, who, what, detail) values (3, 'ada', 'asset saved',"
                " '{\"asset\": \"vt\", \"n\": 1.50}'), (7, 'b', 'token created', '{}')"
            )
        )
    migrate.upgrade(url)
    with closing(Database(url)) as database, database.begin() as work:
        trail = work.trail
        walk = Walk(verify=lambda *_: "nothing is signed yet")

        assert walk.follow(trail.links()) is None
        assert (walk.number, trail.differs()) == (2, None)
    engine.dispose()


def test_who_could_read_before_there_were_roles_still_can(url: str) -> None:
    """
    Everybody without a role that permits something may look, as before; nobody gets more.
    """
    before: dict[str, list[str]] = {
        "anna": ["soc_tier2"],
        "metrics": [],
        "root": ["admin", "soc_tier2"],
        "ben": ["analyst"],
        "bot": ["automation"],
    }
    migrate.upgrade(url, "0017")
    engine = create_engine(url)
    with engine.begin() as connection:
        for name, given in before.items():
            connection.execute(
                text("insert into person (username, roles) values (:name, :roles)"),
                {"name": name, "roles": given},
            )
    migrate.upgrade(url)
    with engine.connect() as connection:
        rows = connection.execute(text("select username, roles from person")).all()
        after = {str(row.username): list(row.roles) for row in rows}
    engine.dispose()
    with closing(Database(url)) as database, database.begin() as work:
        assert not work.roles.holders("Administrator")

    assert after == {
        **before,
        "anna": ["soc_tier2", "Observer"],
        "metrics": ["Observer"],
    }
    assert all(roles.permitted(given) >= roles.LOOK for given in after.values())
