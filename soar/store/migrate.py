"""
Brings a database to the schema of this release, and back.

In: a database URL. Out: the schema, moved. Never: two at once (an advisory lock orders them).
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text

from soar.store.errors import NoSuchRevision

HERE = Path(__file__).parent / "migrations"
LOCK = 7_305_001  # any number that nobody else locks in this database


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str, revision: str = "head") -> str:
    """Move the schema up to *revision* and return the one it is at."""
    return _move(url, revision, up=True)


def downgrade(url: str, revision: str) -> str:
    """Move the schema down to *revision* ("base" for none) and return the one it is at."""
    return _move(url, revision, up=False)


def _move(url: str, revision: str, *, up: bool) -> str:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
            connection.commit()
            (command.upgrade if up else command.downgrade)(_config(connection), revision)
            connection.commit()
            return MigrationContext.configure(connection).get_current_revision() or "base"
    except CommandError as error:
        raise NoSuchRevision(str(error)) from None
    finally:
        engine.dispose()


def pending(found: str) -> str:
    """Return the revision that this release has, if a database has *found* another."""
    head = ScriptDirectory(str(HERE)).get_current_head() or "base"
    return "" if found == head else head


def revise(url: str, message: str) -> None:
    """Write a new migration from the difference between the database and the tables."""
    engine = create_engine(url)
    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)
    engine.dispose()
