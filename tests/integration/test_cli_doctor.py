"""
`soar doctor`: its document, its table and its exit code.
"""

from __future__ import annotations

import json

from soar.bootstrap import House
from soar.cli.exits import NEEDS_PERSON
from soar.store.election import Election
from tests.integration.conftest import Soar


def test_a_healthy_house_ends_with_0(soar: Soar, house: House) -> None:
    """
    With an elected clock and nothing left behind, there is nothing to do.
    """
    election = Election(house.settings.database_url.get_secret_value())
    assert election.stand()

    result = soar("doctor", "--json")
    election.resign()

    assert json.loads(result.stdout) == {"healthy": True, "findings": []}
    assert result.exit_code == 0


def test_a_house_without_a_clock_needs_a_person(soar: Soar) -> None:
    """
    The exit code says so, the table says what to do.
    """
    result = soar("doctor")

    assert result.exit_code == NEEDS_PERSON
    assert "no clock" in result.stdout
    assert "soar worker beat" in result.stdout
