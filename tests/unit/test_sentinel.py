"""
The URL that names Sentinels.
"""

from __future__ import annotations

import pytest

from soar import sentinel
from soar.domain.errors import BadInput
from soar.sentinel import connect

URL = "sentinel://:p%40ss@one.example:26380;sentinel://two.example/3?master=soar"


def test_a_url_names_sentinels_login_database_and_master() -> None:
    """
    Login, database and master are given once; a port may be left out.
    """
    watched = sentinel.parse(URL)

    assert watched.nodes == (("one.example", 26380), ("two.example", 26379))
    assert (watched.master, watched.db, watched.username) == ("soar", 3, "")
    assert watched.password.reveal() == "p@ss"
    assert "p@ss" not in repr(watched)


def test_kombu_is_told_the_same() -> None:
    """
    Every Sentinel with login and database, the master beside it; another URL is left as it is.
    """
    assert sentinel.broker_url(URL) == (
        "sentinel://:p%40ss@one.example:26380/3;sentinel://:p%40ss@two.example:26379/3"
    )
    assert sentinel.transport(URL)["master_name"] == "soar"
    assert sentinel.broker_url("redis://h/0") == "redis://h/0"
    assert sentinel.transport("redis://h/0") == {}


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://:hush@one.example/0",
        "sentinel://:hush@one.example:x/0?master=soar",
        "sentinel://:hush@one.example/zero?master=soar",
        "sentinel://:hush@one.example;redis://two.example/0?master=soar",
        "sentinel://:hush@/0?master=soar",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_shown(url: str) -> None:
    """
    Without a master, a host or a number where one must be.
    """
    with pytest.raises(BadInput, match="SOAR_REDIS_URL") as refused:
        connect(url)
    assert "hush" not in str(refused.value)
