"""
The world's places as a MaxMind database file, for the demo and for tests.

In: a path and a :class:`World`. Out: an ``.mmdb`` of GeoIP2 City shape, replaced in one step.
Never: MaxMind's own data, which is under MaxMind's licence.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPNetwork, IPSet

from soar.lab.world import Address, World

COUNTRIES = {"NL": "Netherlands", "US": "United States", "BR": "Brazil"}
CONTINENTS = {
    "NL": ("EU", "Europe"),
    "US": ("NA", "North America"),
    "BR": ("SA", "South America"),
}
TIME_ZONES = {"NL": "Europe/Amsterdam", "US": "America/Chicago", "BR": "America/Sao_Paulo"}


def write_database(path: Path, world: World) -> Path:
    """Write the database of a world to *path*; a reader of the old file keeps the old file."""
    writer = MMDBWriter(
        ip_version=6,
        ipv4_compatible=True,
        database_type="GeoIP2-City",
        languages=["en"],
        description="Places of the lab's world",
    )
    for name, found in world.addresses.items():
        writer.insert_network(IPSet([IPNetwork(f"{name}/24").cidr]), _place(found))
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    writer.to_db_file(str(fresh))
    return fresh.replace(path)


def _place(found: Address) -> dict[str, Any]:
    code, continent = CONTINENTS.get(found.country, ("", ""))
    return {
        "city": {"names": {"en": found.city}},
        "continent": {"code": code, "names": {"en": continent}},
        "country": {
            "iso_code": found.country,
            "names": {"en": COUNTRIES.get(found.country, found.country)},
        },
        "location": {
            "latitude": found.latitude,
            "longitude": found.longitude,
            "time_zone": TIME_ZONES.get(found.country, ""),
        },
        "traits": {
            "autonomous_system_number": found.asn,
            "autonomous_system_organization": found.organisation,
        },
    }
