"""
Who is asking, and what all answers have in common.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
import requests

from soar.bootstrap import House
from soar.settings import Settings
from tests.integration.rest.stage import ASSET, TRIGGER, Client, client_of, serving


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "No supported auth information provided in request"),
        ({"ph-auth-token": "wrong"}, "Invalid automation token"),
        ({"Authorization": "Basic ???"}, "Invalid automation token"),
        ({"Authorization": "Bearer x"}, "No supported auth information provided in request"),
    ],
)
def test_nobody_known_gets_401_as_json(url: str, headers: dict[str, str], message: str) -> None:
    """
    Without a good token every address below /rest answers 401 in the sentences clients know.
    """
    for path in ("/rest/version", "/rest/container", "/rest/container/1", "/rest/health"):
        answer = requests.get(url + path, headers=headers, timeout=10)

        assert answer.status_code == 401
        assert answer.json() == {"failed": True, "message": message}


def test_a_token_is_also_the_password_of_http_basic(reader: Client) -> None:
    """
    HTTP Basic works with the token as password and any user, or none.
    """
    for user in ("", "anybody"):
        credentials = base64.b64encode(f"{user}:{reader.token}".encode()).decode()
        answer = requests.get(
            f"{reader.url}/rest/version",
            headers={"Authorization": f"Basic {credentials}"},
            timeout=10,
        )

        assert answer.status_code == 200


WRITES: list[tuple[str, Any, str]] = [
    ("/rest/container", {"name": "x"}, "edit containers"),
    ("/rest/container/1", {"status": "closed"}, "edit containers"),
    ("/rest/artifact", {"container_id": 1}, "edit containers"),
    ("/rest/playbook_run", {"container_id": 1, "playbook_id": 1}, "execute playbooks"),
    ("/rest/asset", ASSET, "edit assets"),
    ("/rest/asset/1", {"configuration": {}}, "edit assets"),
    ("/rest/trigger", TRIGGER, "edit playbooks"),
    ("/rest/tenant", {"name": "Acme"}, "edit system_settings"),
    ("/rest/tenant/0", {"name": "Acme"}, "edit system_settings"),
]


@pytest.mark.parametrize(("path", "body", "permission"), WRITES)
def test_who_only_looks_writes_nothing(
    reader: Client, path: str, body: Any, permission: str
) -> None:
    """
    An observer reads everything and writes nothing; the refusal names the roles.
    """
    answer = reader.post(path, body)

    assert answer.status_code == 403
    assert f"'{permission}'" in answer.json()["message"]
    assert "admin" in answer.json()["message"]


def test_an_analyst_does_not_edit_assets(analyst: Client) -> None:
    """
    Assets and triggers are for administrators.
    """
    assert analyst.post("/rest/asset", ASSET).status_code == 403
    assert analyst.post("/rest/trigger", TRIGGER).status_code == 403


def test_a_trailing_slash_is_forgiven(reader: Client) -> None:
    """
    /rest/container/ answers 200 itself; it does not redirect.
    """
    assert reader.get("/rest/container/").status_code == 200
    assert reader.get("/rest/version/").json() == reader.get("/rest/version").json()


def test_unknown_addresses_and_verbs_are_refused_as_json(reader: Client) -> None:
    """
    404 and 405 are JSON with one sentence, as every refusal.
    """
    missing = reader.get("/rest/nothing")
    assert (missing.status_code, missing.json()["failed"]) == (404, True)

    wrong = reader.session.delete(
        f"{reader.url}/rest/container", headers={"ph-auth-token": reader.token}, timeout=10
    )
    assert (wrong.status_code, wrong.json()["failed"]) == (405, True)


@pytest.mark.parametrize("number", ["0", "x", "99", "1" * 5000, "-1"])
def test_an_unknown_id_is_not_found(reader: Client, number: str) -> None:
    """
    Whatever stands where an id should, there is no such row: 404.
    """
    for noun in ("container", "artifact", "playbook_run", "action_run", "app_run", "approval"):
        assert reader.get(f"/rest/{noun}/{number}").status_code == 404


def test_every_answer_forbids_caching_and_framing(reader: Client) -> None:
    """
    The headers that protect a reader are on pages, data and refusals alike.
    """
    for path in ("/", "/healthz", "/rest/container", "/rest/nothing", "/rest/container/9"):
        headers = reader.get(path).headers

        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"


def test_a_body_has_a_limit(analyst: Client) -> None:
    """
    A body above 10 MiB is refused with 413 before it is understood.
    """
    answer = analyst.post("/rest/container", b" " * (10 * 1024 * 1024 + 1))

    assert answer.status_code == 413
    assert "10 MiB" in answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"\xff",
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"a":' * 60 + b"1" + b"}" * 60,
    ],
)
def test_a_body_that_cannot_be_used_is_refused(analyst: Client, body: bytes) -> None:
    """
    What is no JSON object, or one that nothing can hold, is 400 and no 500.
    """
    assert analyst.post("/rest/container", body).status_code == 400


def test_half_characters_and_nul_are_stored_as_replacements(analyst: Client) -> None:
    """
    JSON can spell what PostgreSQL cannot hold; such an alert is kept all the same.
    """
    body = b'{"name": "a\\u0000b\\ud800", "source_data_identifier": "\\u0000", "tags": ["\\u0000"]}'

    answer = analyst.post("/rest/container", body)

    assert answer.status_code == 200, answer.text


def test_a_bug_is_not_told_to_the_client(reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A 500 says that the log knows more, and nothing of what went wrong.
    """

    def fail(*_: Any) -> None:
        raise RuntimeError("postgresql://soar:pw@db")

    monkeypatch.setattr("soar.access.token_hash", fail)

    answer = reader.get("/rest/version")

    assert answer.status_code == 500
    assert answer.json()["failed"] is True
    assert "postgresql" not in answer.text
    assert "RuntimeError" not in answer.text


def test_version_system_info_and_health(reader: Client) -> None:
    """
    The server names its version and address, and finds its database and Redis.
    """
    assert reader.get("/rest/version").json()["version"]
    info = reader.get("/rest/system_info").json()
    assert (info["base_url"], info["time_zone"]) == (reader.url, "UTC")
    health = reader.get("/rest/health")
    assert health.status_code == 200
    assert health.json() == {"status": {"database": "ok", "redis": "ok"}}


def test_health_names_what_cannot_be_reached(house: House) -> None:
    """
    Without Redis, health is 503 and says so; the bare liveness needs nothing.
    """
    changed = house.settings.model_copy(
        update={"redis_url": type(house.settings.redis_url)("redis://127.0.0.1:1/0")}
    )
    assert isinstance(changed, Settings)
    with serving(replace(house, settings=changed)) as url:
        client = client_of(house, url, "guest")

        answer = client.get("/rest/health")

        assert answer.status_code == 503
        assert answer.json()["message"] == "redis cannot be reached"
        assert requests.get(f"{url}/healthz", timeout=10).status_code == 200


def test_the_front_page_needs_no_token_and_shows_no_data(url: str) -> None:
    """
    A browser is told what this is and how to get a token.
    """
    answer = requests.get(f"{url}/", timeout=10)

    assert answer.headers["Content-Type"].startswith("text/html")
    assert "/rest/version" in answer.text
    assert "soar token create" in answer.text
