"""
Furnishes an installation with the lab: its assets, the built-in playbooks, the triggers.

In: a house and a running lab. Out: what the demo's alerts need.
Never: an asset of somebody's real vendor replaced by one of the lab.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from soar import inventory, library, triggers
from soar.bootstrap import House
from soar.demo import scene
from soar.domain.errors import Conflict
from soar.lab.directory import DirectoryServer
from soar.lab.server import LabServer, build
from soar.store.work import Work

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lab:
    """The running vendor simulators."""

    http: LabServer
    directory: DirectoryServer

    def state(self) -> dict[str, Any]:
        """What is true at the simulated vendors now."""
        found: dict[str, Any] = self.http.lab.state()
        return {**found, "active_directory": self.directory.state()}


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Run the simulators on free loopback ports, and end them."""
    http = build(folder).start()
    try:
        directory = DirectoryServer(folder).start()
        try:
            yield Lab(http=http, directory=directory)
        finally:
            directory.stop()
    finally:
        http.stop()


def furnish(house: House, lab: Lab, folder: Path) -> None:
    """Register the lab's assets, the built-in playbooks and the triggers."""
    vault = house.vault()
    with house.database.begin() as work:
        for asset in scene.assets(lab.http, lab.directory, folder):
            _spare_real(work, asset["asset_name"])
            inventory.save(work, asset, catalog=house.catalog, vault=vault)
        for playbook in library.built_in():
            library.save(work, playbook)
        for trigger in (scene.TRIGGER, scene.ENRICHMENT_TRIGGER):
            triggers.save(work, triggers.parse(trigger))


def _spare_real(work: Work, slug: str) -> None:
    """Refuse where an asset of that name is of a real vendor."""
    for asset in work.assets.all():
        if asset.slug != slug:
            continue
        place = str(asset.configuration.get("base_url") or asset.configuration.get("server") or "")
        host = urlsplit(place if "//" in place else f"//{place}").hostname
        if host and host not in LOOPBACK:
            raise Conflict(
                f"asset {slug!r} is configured for {host}: the lab would replace it;"
                " use another database for the demo"
            )
