"""
The lab's database of places is one that MaxMind's reader reads.

In: a file written for the test. Out: nothing. Never: MaxMind's own data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import maxminddb
import pytest

from soar.lab.geo import write_database
from soar.lab.world import World


@pytest.mark.parametrize("name", sorted(World().addresses))
def test_every_address_of_the_world_has_its_place(tmp_path: Path, name: str) -> None:
    """
    Country, city, position and operator of an address are those of the world.
    """
    known = World().addresses[name]

    with maxminddb.open_database(write_database(tmp_path / "places.mmdb", World())) as reader:
        record: Any = reader.get(name)

    assert record["country"]["iso_code"] == known.country
    assert record["city"]["names"]["en"] == known.city
    assert record["location"]["latitude"] == pytest.approx(known.latitude)
    assert record["traits"]["autonomous_system_number"] == known.asn


def test_a_new_database_replaces_the_old_one_in_one_step(tmp_path: Path) -> None:
    """
    A reader of the old file goes on reading it, and nothing else is left in the folder.
    """
    path = write_database(tmp_path / "places.mmdb", World())
    with maxminddb.open_database(path) as old:
        write_database(path, World(addresses={}))

        assert old.get("203.0.113.66") is not None
    with maxminddb.open_database(path) as new:
        assert new.get("203.0.113.66") is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["places.mmdb"]
