"""
A house with a provider: its server, and somebody who is linked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soar import federation
from soar.bootstrap import House
from tests.integration.rest.stage import serving
from tests.integration.web import op as ops
from tests.integration.web.op import CLIENT, PUBLIC, SECRET, Op
from tests.integration.web.stage import Browser

Browsers = Callable[[], Browser]


@pytest.fixture
def op() -> Iterator[Op]:
    """A provider."""
    with ops.running() as made:
        yield made


def settings(op: Op, folder: Path, **more: Any) -> dict[str, Any]:
    """Return the settings of a house with this provider."""
    secret = folder / "oidc.secret"
    secret.write_text(SECRET + "\n")
    return {
        "public_url": PUBLIC,
        "oidc_issuer": op.url,
        "oidc_client_id": CLIENT,
        "oidc_client_secret_file": secret,
        "oidc_name": "Example SSO",
        **more,
    }


@contextmanager
def at(house: House, op: Op, folder: Path, **more: Any) -> Iterator[Browsers]:
    """Browsers of a server that has this provider."""
    changed = house.settings.model_copy(update=settings(op, folder, **more))
    with serving(replace(house, settings=changed)) as url:
        yield lambda: Browser(url)


@pytest.fixture
def sso(house: House, op: Op, ada: str, tmp_path: Path) -> Iterator[Browsers]:
    """Browsers of a server that has a provider, at which ada is ``ada-there``."""
    link(house, op)
    with at(house, op, tmp_path) as browsers:
        yield browsers


def link(house: House, op: Op, username: str = "ada", subject: str = "ada-there") -> None:
    """Link somebody, as an operator does."""
    with house.database.begin() as work:
        federation.link(work, username, issuer=op.url, subject=subject, by="test")


def audited(house: House, what: str) -> list[tuple[str, dict[str, Any]]]:
    """Return who did something, and the detail."""
    rows = house.database.run(
        "select who, detail from audit where what = %(what)s order by number", {"what": what}
    )
    return [(str(who), detail) for who, detail in rows]


def roles(house: House, username: str = "ada") -> list[str]:
    """Return the roles that somebody has now, beside the one with which they look."""
    with house.database.begin() as work:
        return [r for r in work.people.get(username)["roles"] if r != "Observer"]
