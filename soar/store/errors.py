"""
What can go wrong between this product and its database, by names that other rooms may catch.

In: nothing. Out: exception types, and what one of them means.
Never: a message of the driver, which may quote a part of the URL.
"""

from __future__ import annotations

import psycopg2
import psycopg2.errors
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, OperationalError

UNREACHABLE = (OperationalError, psycopg2.OperationalError, psycopg2.InterfaceError)
"""The server does not answer, or refuses who is asking."""

_LASTING = (psycopg2.errors.ProgramLimitExceeded, psycopg2.errors.StatementTooComplex)


class TooLarge(psycopg2.DataError):  # type: ignore[misc]
    """A value is too long for its index, or a statement too deep: no try will ever keep it."""


def as_it_is(error: psycopg2.Error) -> psycopg2.Error:
    """Return an error, or what it is where the driver takes a value for a server that is away."""
    return TooLarge(str(error)) if isinstance(error, _LASTING) else error


UNUSABLE_URL = ArgumentError
"""The database URL cannot be read, or names a database that is not PostgreSQL."""

OUT_OF_RANGE = DataError
"""A value does not fit: a number that no row can have, a text longer than an index takes."""

REFUSED = DBAPIError
"""Anything else that the database refused."""


class NoSuchRevision(Exception):
    """A migration was asked for that does not exist."""


def not_migrated(error: BaseException) -> bool:
    """Tell whether a statement failed because the schema is missing or older than this release."""
    missing = (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn)
    return isinstance(error, DBAPIError) and isinstance(error.orig, missing)
