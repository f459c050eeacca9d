"""
The command line as a fixture: run in this process, against the servers of the session.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from soar.bootstrap import House
from soar.cli import app

Soar = Callable[..., Result]


@pytest.fixture
def soar(house: House, monkeypatch: pytest.MonkeyPatch) -> Soar:
    """Run a command line against the servers of the session."""
    monkeypatch.setattr("soar.bootstrap.configure", lambda *_, **__: None)
    found = house.settings
    env = {
        "SOAR_DATABASE_URL": found.database_url.get_secret_value(),
        "SOAR_REDIS_URL": found.redis_url.get_secret_value(),
        "SOAR_VAULT_KEY_FILE": str(found.vault_key_file),
        "SOAR_SIGNING_KEY_FILE": str(found.signing_key_file),
    }

    def run(*words: object, given: str | None = None, **more: str) -> Result:
        words = tuple(map(str, words))
        result = CliRunner().invoke(app, words, input=given, env=env | more, prog_name="soar")
        assert "Traceback" not in result.output
        if "--json" in words:
            json.loads(result.stdout)
        return result

    return run
