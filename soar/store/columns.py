"""
The kinds of columns that tables are made of, and how their indexes are named.

In: names. Out: columns. Never: a nullable text where an empty one says the same.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    MetaData,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[int]:
    """The number of a row."""
    return Column("id", BigInteger, Identity(), primary_key=True)


def now_column(name: str) -> Column[object]:
    """When something was written."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def when(name: str) -> Column[object]:
    """When something happened, if it did."""
    return Column(name, DateTime(timezone=True))


def text_column(name: str, default: str = "") -> Column[str]:
    """Text that may be empty, never null."""
    return Column(name, Text, nullable=False, server_default=default)


def json_column(name: str, default: str = "{}") -> Column[object]:
    """A JSON value."""
    return Column(name, JSONB, nullable=False, server_default=text(f"'{default}'::jsonb"))


def texts(name: str) -> Column[object]:
    """A list of texts."""
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'::text[]"))


def flag(name: str, default: bool) -> Column[bool]:
    """Yes or no."""
    return Column(name, Boolean, nullable=False, server_default=text(str(default).lower()))


def ref(
    name: str, target: str, *, nullable: bool = False, primary_key: bool = False
) -> Column[int]:
    """The number of a row of another table; gone when that row is."""
    key = ForeignKey(target, ondelete="CASCADE")
    return Column(name, BigInteger, key, nullable=nullable, primary_key=primary_key)
