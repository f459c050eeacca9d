"""
Shadow mode with the real rooms against the lab: its log of requests holds reads only.

In: the product's connectors, the lab. Out: what arrived at the vendors, method by method.
Never: a request that writes, once a switch is on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from soar import catalog, inventory, report, shadow
from soar.engine.steps import Engine
from soar.lab.server import LabServer, build
from soar.lab.vendors.crowdstrike import CrowdStrike
from soar.tasks.binding import bind

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

RESPOND = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("get device info", parameters={"hostname": "WORKSTATION-042"},
                assets=["edr"], callback=contain)

def contain(action, success, container, results, handle):
    phantom.act("quarantine device", parameters={"hostname": "WORKSTATION-042"},
                assets=["edr"], callback=tell)

def tell(action, success, container, results, handle):
    phantom.act("create ticket", parameters={"short_description": results[0]["message"]},
                assets=["snow"])
"""
READS = {"GET", "HEAD"}
SIGN_IN = ("/oauth2/token", "/devices/entities/devices/v2")
"""What is a POST and changes nothing."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """The lab while the tests of this file run."""
    server = build(tmp_path_factory.mktemp("lab")).start()
    yield server
    server.stop()


@pytest.fixture
def vendors(bench: Bench, lab: LabServer) -> LabServer:
    """The bench with the product's own rooms, and assets at the lab."""
    known = catalog.load()
    bench.engine = Engine(database=bench.database, catalog=known, settings=bench.settings)
    bench.shop.catalog = known
    bind(bench.house.app, known, bench.shop)
    keys = lab.lab.simulators[0].world.keys
    edr = {"client_id": keys["crowdstrike_id"], "client_secret": keys["crowdstrike_secret"]}
    snow = {"username": keys["servicenow_user"], "password": keys["servicenow_password"]}
    with bench.database.begin() as work:
        for name, app, secrets in (("edr", "crowdstrike", edr), ("snow", "servicenow", snow)):
            configuration = {"base_url": lab.url, **secrets}
            raw = {"app": app, "asset_name": name, "configuration": configuration}
            inventory.save(work, raw, catalog=known, vault=bench.house.vault())
    with lab.lab.lock:
        lab.lab.arrivals.clear()
    tenant = next(s for s in lab.lab.simulators if isinstance(s, CrowdStrike))
    with tenant.lock:
        tenant.reset()
    return lab


def written(lab: LabServer) -> list[str]:
    """Return the requests that could change something."""
    found: list[dict[str, Any]] = lab.lab.log()
    return [a["path"] for a in found if a["method"] not in READS and a["path"] not in SIGN_IN]


def test_nothing_is_written_and_the_report_says_what_would_have_been(
    bench: Bench, vendors: LabServer
) -> None:
    """
    The host is looked up, not isolated, and no ticket is opened.
    """
    with bench.database.begin() as work:
        shadow.on(work, {"scope": "all"}, by="ada")

    bench.play(RESPOND)

    with bench.database.begin() as work:
        text = report.read(work, 1)
    assert vendors.lab.log("crowdstrike")
    assert written(vendors) == []
    assert [c["status"] for c in bench.calls()] == ["success"] * 3
    assert "Quarantine Device" in text
    assert "shadow: would have isolated WORKSTATION-042" in text
    assert "shadow: would have run create ticket on snow: short_description=shadow: would" in text


def test_without_the_switch_the_same_playbook_writes(bench: Bench, vendors: LabServer) -> None:
    """
    The log of the lab would show it.
    """
    bench.play(RESPOND)
    bench.settle()

    assert "/devices/entities/devices-actions/v2" in written(vendors)
