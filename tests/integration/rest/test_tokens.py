"""
Tokens at the door: for how long they count, and from where.

In: a real server on loopback. Out: 200 or 401, and why. Never: a header believed that anybody
can write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from soar import access
from soar.bootstrap import House
from soar.domain.errors import BadInput
from tests.integration.conftest import Soar
from tests.integration.rest.stage import Client, serving

PATH = "/rest/container"


def client(
    house: House, url: str, *, allowed: Iterable[str] = (), lasts: timedelta | None = None
) -> Client:
    """Return a client whose token is bound."""
    with house.database.begin() as work:
        token = access.create_token(
            work, "ada", roles=["Observer"], allowed_ips=allowed, lasts=lasts
        )
    return Client(url, token)


def forwarded(asking: Client, address: str) -> requests.Response:
    """Ask as a proxy asks for somebody else."""
    headers = {"ph-auth-token": asking.token, "x-forwarded-for": address}
    return requests.get(asking.url + PATH, headers=headers, timeout=30)


@pytest.mark.parametrize("allowed", [["127.0.0.1"], ["10.0.0.0/8", "127.0.0.0/30"], ["0.0.0.0/0"]])
def test_a_token_counts_from_its_networks(house: House, url: str, allowed: list[str]) -> None:
    """
    From an address that is named, or lies in a network that is.
    """
    assert client(house, url, allowed=allowed).get(PATH).status_code == 200


@pytest.mark.parametrize("allowed", [["127.0.0.2"], ["10.0.0.0/8"], ["::1"]])
def test_a_token_does_not_count_from_elsewhere(house: House, url: str, allowed: list[str]) -> None:
    """
    The answer says from where it came, and nothing of what is allowed.
    """
    answer = client(house, url, allowed=allowed).get(PATH)

    assert answer.status_code == 401
    assert answer.json()["message"] == "The token may not be used from 127.0.0.1"


def test_an_address_that_the_client_writes_itself_is_not_believed(house: House, url: str) -> None:
    """
    X-Forwarded-For of somebody who is no trusted proxy neither opens nor closes the door.
    """
    elsewhere, here = (client(house, url, allowed=[a]) for a in ("10.1.2.3", "127.0.0.1"))

    assert forwarded(elsewhere, "10.1.2.3").status_code == 401
    assert forwarded(here, "10.1.2.3").status_code == 200


def test_a_trusted_proxy_says_for_whom_it_asks(house: House) -> None:
    """
    Then the address behind it counts: the last one that no trusted proxy has added.
    """
    with serving(house, trusted_proxies="127.0.0.1") as url:
        asking = client(house, url, allowed=["10.1.2.3"])

        assert forwarded(asking, "10.1.2.3").status_code == 200
        assert forwarded(asking, "10.1.2.3, 10.9.9.9").status_code == 401
        assert asking.get(PATH).status_code == 401


def test_an_expired_token_counts_no_longer(house: House, url: str) -> None:
    """
    From the second on that it names; the answer says when that was.
    """
    asking = client(house, url, lasts=timedelta(hours=1))
    assert asking.get(PATH).status_code == 200

    house.database.run("update token set expires_at = '2026-01-31 12:00+00' returning id", {})
    answer = asking.get(PATH)

    assert answer.status_code == 401
    assert answer.json()["message"] == "The token expired at 2026-01-31 12:00:00 UTC"


def test_tokens_are_listed_without_their_hash_and_revoked_one_by_one(
    house: House, soar: Soar, url: str
) -> None:
    """
    The command line makes them for a time and a place.
    """
    words = ("--expires", "90d", "--allow-ip", "127.0.0.1", "--allow-ip", "10.1.2.3/16", "--json")
    kept = json.loads(soar("token", "create", "bot", "--role", "Observer", *words).stdout)["token"]
    soar("token", "create", "bot")

    listed = soar("token", "list", "--json").stdout
    first, second = json.loads(listed)
    gone = soar("token", "revoke", "bot", "--id", second["id"], "--json")

    assert kept not in listed
    assert access.token_hash(kept) not in listed
    assert first["allowed_ips"] == ["10.1.0.0/16", "127.0.0.1/32"]
    assert (first["expired"], second["expires_at"]) == (False, None)
    assert json.loads(gone.stdout)["revoked"] == 1
    assert soar("token", "revoke", "bot", "--id", second["id"]).exit_code == 3
    assert Client(url, kept).get(PATH).status_code == 200


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--expires", "soon"], "expires"),
        (["--expires", "0d"], "expires"),
        (["--expires", "90"], "expires"),
        (["--allow-ip", "10.1.2"], "allow-ip"),
        (["--allow-ip", "example.com"], "allow-ip"),
        (["--allow-ip", "10.0.0.0/33"], "allow-ip"),
    ],
)
def test_bounds_that_cannot_be_read_make_no_token(
    house: House, soar: Soar, words: list[str], field: str
) -> None:
    """
    The option is named, and nobody is made.
    """
    told = soar("token", "create", "bot", *words)

    assert told.exit_code == 2
    assert f"{field}: " in told.stderr
    assert not house.database.run("select 1 from token", {})


@given(st.text(max_size=20))
def test_any_text_is_a_span_or_refused(text: str) -> None:
    """
    Nothing else is raised.
    """
    with suppress(BadInput):
        assert access.lifetime(text) > timedelta(0)


@given(st.ip_addresses(), st.ip_addresses())
def test_an_address_is_in_its_own_network_only(one: object, other: object) -> None:
    """
    Also where IPv4 comes dressed as IPv6.
    """
    allowed = access.networks([str(one)])

    assert access._allowed(str(one), allowed)
    same = {one, getattr(one, "ipv4_mapped", None)} & {other, getattr(other, "ipv4_mapped", None)}
    assert access._allowed(str(other), allowed) is bool(same - {None})
    assert access._allowed("::ffff:10.1.2.3", ["10.1.2.3/32"])
    assert not access._allowed("unix socket", ["0.0.0.0/0"])
