"""
The way in for a command: settings, the house, what was typed or piped, and who is asking.

In: the environment (through ``soar.settings``), files, a terminal. Out: an open house, a JSON
value, a secret, a person. Never: a secret echoed, or a question where nobody can answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from soar import settings as environment
from soar.domain.errors import BadInput
from soar.domain.model import Person
from soar.settings import Settings

if TYPE_CHECKING:
    import redis

    from soar.bootstrap import House
    from soar.limiter import Limiter
    from soar.store.work import Work

UNUSABLE = "cannot be used: give it as redis://host:port/0"


def settings() -> Settings:
    """Return the settings of a short command: quiet, unless the operator asked for a level."""
    found = environment.load_for_people()
    if "log_level" in found.model_fields_set:
        return found
    return found.model_copy(update={"log_level": "ERROR"})


@contextmanager
def opened() -> Iterator[House]:
    """Lend the house for one command and close its connections afterwards."""
    from soar import bootstrap

    house = bootstrap.house(settings())
    try:
        yield house
    finally:
        house.database.close()


@contextmanager
def working() -> Iterator[tuple[House, Work]]:
    """Lend the house and one unit of work: all of a command's changes, or none."""
    with opened() as house, house.database.begin() as work:
        yield house, work


def connect_redis(found: Settings) -> redis.Redis:
    """Open a client; a URL that cannot be read is named without being shown."""
    from soar.sentinel import connect

    try:
        return connect(found.redis_url.get_secret_value())
    except ValueError:
        raise BadInput("SOAR_REDIS_URL", UNUSABLE) from None


def limiter(house: House) -> Limiter:
    """Return the door to the budgets; a URL that cannot be read is named without being shown."""
    try:
        return house.limiter()
    except ValueError:
        raise BadInput("SOAR_REDIS_URL", UNUSABLE) from None


def interactive() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty()


def read_text(source: str) -> str:
    """Return the text of a file, or of standard input for ``-``."""
    try:
        if source == "-":
            return sys.stdin.read()
        return Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput("file", f"{source} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput("file", f"{source} is not UTF-8 text") from None


def read_json(source: str) -> Any:
    """Return the JSON value of a file, or of standard input for ``-``."""
    try:
        return json.loads(read_text(source))
    except (ValueError, RecursionError) as error:
        raise BadInput("file", f"{source} is not JSON: {error}") from None


def read_objects(source: str) -> list[tuple[str, Any]]:
    """Return one object, or each of a list, with the place that an error names."""
    raw = read_json(source)
    if not isinstance(raw, list):
        return [("", raw)]
    if not raw:
        raise BadInput("file", f"{source} holds an empty list")
    return [(f"[{number}]", item) for number, item in enumerate(raw)]


def at(place: str, error: BadInput) -> BadInput:
    """Return the same error with its place before its field."""
    if not place:
        return error
    return BadInput(f"{place}.{error.field}", str(error).removeprefix(f"{error.field}: "))


def read_secret(name: str) -> str:
    """Ask for a secret without echo, or take one line of standard input."""
    if interactive():
        text = str(typer.prompt(name, hide_input=True, err=True))
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise BadInput(name, "is empty: give it on a terminal or as a line of standard input")
    return text


def person(work: Work, found: Settings, token_file: Path | None) -> Person:
    """Return who is asking, by the token of a file, the environment or a hidden prompt."""
    from soar import access

    return access.authenticate(work, _token(found, token_file))


def _token(found: Settings, token_file: Path | None) -> str:
    if token_file is not None:
        return read_text(str(token_file)).strip()
    token = found.token.get_secret_value()
    if token:
        return token
    if not interactive():
        raise BadInput("token", "is missing: set SOAR_TOKEN or give --token-file")
    return read_secret("token")


def typed(text: str, kind: str) -> Any:
    """Return what was typed as a number, boolean or null, where it is one and may be one."""
    if kind in ("string", "password"):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if value is None or isinstance(value, bool | int | float) else text


def pick(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return some columns of a row."""
    return {name: row[name] for name in names}
