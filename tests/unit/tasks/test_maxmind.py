"""
MaxMind's room against a database of the lab's world.

In: a file written for the test. Out: nothing. Never: MaxMind's own data.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soar import catalog
from soar.connector import ActionContext, Params
from soar.domain.errors import ActionFailed
from soar.lab.geo import write_database
from soar.lab.world import World
from soar.tasks.maxmind import actions

Open = Callable[..., ActionContext]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """
    A database of the lab's world.
    """
    return write_database(tmp_path / "places.mmdb", World())


@pytest.fixture
def maxmind(context: Any, database: Path) -> Open:
    """
    Opens an asset that reads the database.
    """

    def make(path: Path | str = database, **more: Any) -> ActionContext:
        made: ActionContext = context({"database": str(path)}, "maxmind_lab", **more)
        return made

    return make


def test_an_address_is_located(maxmind: Open) -> None:
    """
    City and country are the line; the row has the fields of Splunk's connector.
    """
    output = actions.geolocate_ip(maxmind(), Params({"ip": "203.0.113.66"}))

    assert output.message == "Amsterdam, NL"
    assert output.summary == {
        "found": True,
        "city": "Amsterdam",
        "state": "",
        "country": "Netherlands",
        "country_iso_code": "NL",
        "as_org": "Example Bulletproof Hosting",
    }
    assert output.data[0] == {
        "city_name": "Amsterdam",
        "state_name": "",
        "state_iso_code": "",
        "country_name": "Netherlands",
        "country_iso_code": "NL",
        "continent_name": "Europe",
        "postal_code": "",
        "latitude": pytest.approx(52.37),
        "longitude": pytest.approx(4.89),
        "time_zone": "Europe/Amsterdam",
        "asn": 64500,
        "as_org": "Example Bulletproof Hosting",
    }


@pytest.mark.parametrize("ip", ["10.0.0.1", "2001:db8::1", "fe80::1%eth0"])
def test_an_address_outside_the_database_is_not_found(maxmind: Open, ip: str) -> None:
    """
    What the database does not hold is an answer: found is false, and there is no row.
    """
    output = actions.geolocate_ip(maxmind(), Params({"ip": ip}))

    assert output.message == "not in the MaxMind database"
    assert output.summary == {"found": False}
    assert output.data == ()


def test_an_ipv6_address_is_not_found_in_a_database_of_ipv4(maxmind: Open, tmp_path: Path) -> None:
    """
    A database of IPv4 networks simply holds no IPv6 address.
    """
    path = write(tmp_path / "v4.mmdb", {"country": {"iso_code": "NL"}})

    output = actions.geolocate_ip(maxmind(path), Params({"ip": "2001:db8::1"}))

    assert output.summary == {"found": False}


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ({"country": {"iso_code": "NL", "names": {"en": "Netherlands"}}}, "NL"),
        ({"autonomous_system_organization": "Example Telecom"}, "Example Telecom"),
        ({"location": {"latitude": 1.0}}, "in the database, without a place"),
        ({"subdivisions": [{"iso_code": "NH"}], "country": {"iso_code": "NL"}}, "NL"),
    ],
)
def test_a_record_with_less_in_it_says_what_it_has(
    maxmind: Open, tmp_path: Path, record: dict[str, Any], line: str
) -> None:
    """
    Country databases, ASN databases and sparse records are read as far as they go.
    """
    path = write(tmp_path / "sparse.mmdb", record)

    assert actions.geolocate_ip(maxmind(path), Params({"ip": "203.0.113.66"})).message == line


def test_the_file_is_opened_once_while_it_stays_the_same(maxmind: Open) -> None:
    """
    Two calls of one asset in one process share one open database.
    """
    state: dict[str, Any] = {}
    actions.geolocate_ip(maxmind(state=state), Params({"ip": "203.0.113.66"}))
    first = state["database"]

    actions.geolocate_ip(maxmind(state=state), Params({"ip": "192.0.2.45"}))

    assert state["database"] is first


def test_a_new_file_is_read_without_a_restart(maxmind: Open, database: Path) -> None:
    """
    When the file changes, the next call answers from the new one.
    """
    state: dict[str, Any] = {}
    actions.geolocate_ip(maxmind(state=state), Params({"ip": "203.0.113.66"}))
    world = World()
    world.addresses["203.0.113.66"] = replace(world.addresses["203.0.113.66"], city="Rotterdam")
    write_database(database, world)
    os.utime(database, (2_000_000_000, 2_000_000_000))

    output = actions.geolocate_ip(maxmind(state=state), Params({"ip": "203.0.113.66"}))

    assert output.message == "Rotterdam, NL"


@pytest.mark.parametrize("function", [actions.geolocate_ip, actions.test_connectivity])
def test_a_missing_file_is_said_in_one_sentence(maxmind: Open, function: Any) -> None:
    """
    The sentence names the path, the setting and the command that corrects it.
    """
    with pytest.raises(
        ActionFailed, match=r"there is no database at '/nowhere/city\.mmdb'"
    ) as caught:
        function(maxmind("/nowhere/city.mmdb"), Params({"ip": "203.0.113.66"}))
    assert "soar asset set maxmind_lab database=" in str(caught.value)


def test_an_asset_without_a_path_is_said(maxmind: Open) -> None:
    """
    An empty setting is a missing file.
    """
    with pytest.raises(ActionFailed, match="there is no database at ''"):
        actions.test_connectivity(maxmind(""), Params({}))


@pytest.mark.parametrize("keep", [0, 200])
def test_a_damaged_file_is_said(maxmind: Open, database: Path, keep: int) -> None:
    """
    Half a download is a failure that asks for the whole file.
    """
    database.write_bytes(database.read_bytes()[:keep])

    with pytest.raises(ActionFailed, match="not a whole MaxMind database"):
        actions.geolocate_ip(maxmind(), Params({"ip": "203.0.113.66"}))


def test_a_database_with_damaged_records_is_said(maxmind: Open, database: Path) -> None:
    """
    A file that opens but whose records cannot be read is a failure too.
    """
    whole = database.read_bytes()
    records = whole.index(b"city")
    metadata = whole.rindex(b"\xab\xcd\xefMaxMind.com")
    database.write_bytes(whole[:records] + b"\xff" * (metadata - records) + whole[metadata:])

    with pytest.raises(ActionFailed, match="not a whole MaxMind database"):
        actions.geolocate_ip(maxmind(), Params({"ip": "203.0.113.66"}))


def test_a_file_that_may_not_be_read_is_said(
    maxmind: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file of another user is a failure that says so, not a damaged file.
    """

    def refuse(path: str) -> None:
        raise PermissionError(path)

    monkeypatch.setattr("maxminddb.open_database", refuse)

    with pytest.raises(ActionFailed, match="may not be read by this worker"):
        actions.test_connectivity(maxmind(), Params({}))


def test_test_connectivity_says_which_database_it_is(maxmind: Open) -> None:
    """
    The test names the database, so that an analyst sees a Country file in a City's place.
    """
    assert actions.test_connectivity(maxmind(), Params({})).message == "GeoIP2-City can be read"


@pytest.mark.parametrize("ip", ["", "evil.example", "203.0.113.66/24"])
def test_an_unusable_address_is_refused(maxmind: Open, ip: str) -> None:
    """
    The sentence names the parameter, its value and what to do.
    """
    with pytest.raises(ActionFailed, match="parameter 'ip' must be an IPv4 or IPv6") as caught:
        actions.geolocate_ip(maxmind(), Params({"ip": ip}))
    assert repr(ip) in str(caught.value)


def test_every_action_of_the_manifest_is_a_marked_function() -> None:
    """
    The manifest and the code name the same actions; there is nothing to seal.
    """
    app = catalog.load().app("MaxMind GeoIP2")

    assert {spec.function for spec in app.actions} == {
        name for name, value in vars(actions).items() if hasattr(value, "__soar_action__")
    }
    assert app.secrets == frozenset()


def write(path: Path, record: dict[str, Any]) -> Path:
    """Write a database of IPv4 networks with one record for 203.0.113.0/24."""
    from mmdb_writer import MMDBWriter
    from netaddr import IPSet

    writer = MMDBWriter(ip_version=4, database_type="Sparse", languages=["en"])
    writer.insert_network(IPSet(["203.0.113.0/24"]), record)
    writer.to_db_file(str(path))
    return path
