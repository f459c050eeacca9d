"""
The REST API as a client sees it: a real server on loopback, on real PostgreSQL and Valkey.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soar import access
from soar.api.app import create
from soar.api.permissions import PERMISSIONS
from soar.bootstrap import House
from soar.domain import gate
from soar.domain.gate import HeldCall
from soar.domain.states import RunStatus
from soar.settings import Settings
from soar.store.work import Work

T = TypeVar("T")

TRIGGER = {
    "playbook_name": "triage",
    "trigger": {
        "type": "event_created",
        "conditions": {"label": ["phishing"], "severity": ["high", "medium"]},
    },
    "active": True,
    "run_as": "automation_user",
}
ASSET = {
    "app": "VirusTotal v3",
    "asset_name": "virustotal_prod",
    "configuration": {"api_key": "TOP-SECRET", "rate_limit": True, "max_requests_per_minute": 4},
}


@contextmanager
def serving(house: House) -> Iterator[str]:
    """A real server of the application on a free port."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        server = uvicorn.Server(
            uvicorn.Config(create(house), log_level="error", lifespan="off", ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@dataclass
class Client:
    """A client with a token."""

    url: str
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **parameters: Any) -> requests.Response:
        """Ask for an address."""
        return self.session.get(
            self.url + path,
            params=parameters,
            headers={"ph-auth-token": self.token},
            allow_redirects=False,
            timeout=30,
        )

    def post(self, path: str, body: Any) -> requests.Response:
        """Post JSON to an address."""
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.session.post(
            self.url + path, data=data, headers={"ph-auth-token": self.token}, timeout=30
        )

    def ids(self, path: str, **parameters: Any) -> list[int]:
        """Return the ids that a list shows."""
        answer = self.get(path, page_size=0, **parameters)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["data"]]


@pytest.fixture
def url(house: House) -> Iterator[str]:
    """The address of a server."""
    with serving(house) as address:
        yield address


def client_of(house: House, url: str, username: str, *roles: str, kind: str = "normal") -> Client:
    """Return a client with a new token of a person with these roles."""
    with house.database.begin() as work:
        return Client(url, access.create_token(work, username, roles=list(roles), kind=kind))


@pytest.fixture
def admin(house: House, url: str) -> Client:
    """An administrator."""
    return client_of(house, url, "root", "admin")


@pytest.fixture
def analyst(house: House, url: str) -> Client:
    """An analyst who may also approve."""
    return client_of(house, url, "ada", "analyst", "soc_tier2")


@pytest.fixture
def reader(house: House, url: str) -> Client:
    """Somebody with a token and no role."""
    return client_of(house, url, "guest")


def stored(house: House, write: Callable[[Work], T]) -> T:
    """Write through the store and return what was made."""
    with house.database.begin() as work:
        return write(work)


def add_playbook(work: Work, name: str = "triage", version: str = "1.0") -> int:
    """Keep a playbook that does nothing."""
    return work.playbooks.save(
        name=name, title=name.title(), version=version, source="def on_start(container): pass\n"
    )[0]


def add_run(work: Work, container_id: int, playbook_id: int, *, ended: bool = False) -> int:
    """Add a run, queued or already ended with success."""
    run_id = work.runs.add(
        container_id=container_id, playbook_id=playbook_id, started_by="test", run_as="bot"
    )
    if ended:
        work.runs.started(run_id)
        work.runs.ended(run_id, RunStatus.SUCCEEDED, auto_resolved=True)
    return run_id


def add_container(client: Client, **more: Any) -> int:
    """Open a container through REST."""
    answer = client.post("/rest/container", {"name": "mail", "run_automation": False, **more})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


def add_approval(work: Work, run_id: int, container_id: int, *, kind: str = "prompt") -> int:
    """Open a question whose first option would isolate a host."""
    join_id = work.runs.add_action_run(
        run_id=run_id,
        container_id=container_id,
        kind="prompt" if kind == "prompt" else "act",
        action="prompt",
        name="contain?",
        remaining=1,
    )
    due = datetime.now(UTC) + timedelta(minutes=15)
    options = ["Isolate Host", "Monitor Only"] if kind == "prompt" else [gate.APPROVE, gate.DENY]
    isolate = HeldCall(
        action="quarantine device",
        asset="crowdstrike_prod",
        app="crowdstrike",
        app_version="1",
        parameters={"device_id": "d1"},
    )
    shown = gate.payload(
        approval=f"a{join_id}",
        run_id=run_id,
        container_id=container_id,
        assignee="soc_tier2",
        message="Isolate it?",
        options=options,
        effects={options[0]: [isolate], options[1]: []},
        due=due.isoformat(),
    )
    return work.approvals.open(
        public_id=f"a{join_id}",
        run_id=run_id,
        action_run_id=join_id,
        container_id=container_id,
        kind=kind,
        name="contain?",
        assignee="soc_tier2",
        message="Isolate it?",
        options=options,
        payload=shown,
        payload_digest=gate.digest(shown),
        due_at=due,
    )


@dataclass
class Question:
    """An open approval and the run that waits for it."""

    id: int
    run: int
    container: int


@pytest.fixture
def question(house: House, analyst: Client) -> Question:
    """A prompt that waits for the role soc_tier2."""
    return ask(house, analyst)


def ask(house: House, client: Client, kind: str = "prompt") -> Question:
    """Open a question on a new container."""
    container_id = add_container(client)

    def write(work: Work) -> Question:
        run_id = add_run(work, container_id, add_playbook(work))
        number = add_approval(work, run_id, container_id, kind=kind)
        return Question(id=number, run=run_id, container=container_id)

    return stored(house, write)


# Who is asking


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
    ("/rest/artifact", {"container_id": 1}, "edit artifacts"),
    ("/rest/playbook_run", {"container_id": 1, "playbook_id": 1}, "run playbooks"),
    ("/rest/asset", ASSET, "edit assets"),
    ("/rest/asset/1", {"configuration": {}}, "edit assets"),
    ("/rest/trigger", TRIGGER, "edit triggers"),
]


@pytest.mark.parametrize(("path", "body", "permission"), WRITES)
def test_writing_needs_a_role(reader: Client, path: str, body: Any, permission: str) -> None:
    """
    A person without a role reads everything and writes nothing; the refusal names the roles.
    """
    answer = reader.post(path, body)

    assert answer.status_code == 403
    assert all(role in answer.json()["message"] for role in PERMISSIONS[permission])


def test_an_analyst_does_not_edit_assets(analyst: Client) -> None:
    """
    Assets and triggers are for administrators.
    """
    assert analyst.post("/rest/asset", ASSET).status_code == 403
    assert analyst.post("/rest/trigger", TRIGGER).status_code == 403


# What all answers have in common


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


# What the server says of itself


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


# Lists


def test_a_list_comes_in_pages(analyst: Client) -> None:
    """
    Ten rows a page unless asked otherwise; 0 means all; numbers may be quoted.
    """
    for number in range(12):
        add_container(analyst, name=f"mail {number}")

    first = analyst.get("/rest/container").json()
    assert (first["count"], first["num_pages"], len(first["data"])) == (12, 2, 10)
    second = analyst.get("/rest/container", page='"1"', page_size='"10"').json()
    assert [row["name"] for row in second["data"]] == ["mail 10", "mail 11"]
    everything = analyst.get("/rest/container", page_size=0).json()
    assert (everything["num_pages"], len(everything["data"])) == (1, 12)


def test_a_page_past_the_end_says_so(reader: Client) -> None:
    """
    Clients stop at a refusal with these words; the first page of nothing is empty.
    """
    answer = reader.get("/rest/artifact", page=1)

    assert answer.status_code == 400
    assert "That page contains no results" in answer.json()["message"]
    assert reader.get("/rest/artifact").json() == {"count": 0, "num_pages": 1, "data": []}


def test_a_list_is_sorted(analyst: Client) -> None:
    """
    By any field, either way, and by id where that is equal.
    """
    first, second, third = (add_container(analyst, name=n) for n in ("b", "a", "b"))

    assert analyst.ids("/rest/container", sort="name") == [second, first, third]
    assert analyst.ids("/rest/container", sort="name", order="desc") == [third, first, second]


@pytest.fixture
def mails(analyst: Client) -> dict[str, int]:
    """Three containers that filters can tell apart."""
    return {
        "phish": add_container(
            analyst,
            name="Phishing 100%_sure",
            label="phishing",
            severity="high",
            tags=["mail", "vip"],
            custom_fields={"score": 7, "team": {"name": "blue"}},
        ),
        "malware": add_container(
            analyst,
            name="malware",
            label="malware",
            severity="low",
            tags=["host"],
            custom_fields={"score": 70, "done": True},
        ),
        "event": add_container(analyst, name='O\'Hara said "hi"', status="closed"),
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("_filter_label", '"phishing"', "phish"),
        ("_filter_label", "'phishing'", "phish"),
        ("_filter_label", "phishing", "phish"),
        ("_filter_label__in", "['phishing','malware']", "phish malware"),
        ("_filter_label__in", '["phishing"]', "phish"),
        ("_filter_label__in", "[]", ""),
        ("_filter_name__iexact", '"MALWARE"', "malware"),
        ("_filter_name__contains", '"100%_"', "phish"),
        ("_filter_name__contains", '"%"', "phish"),
        ("_filter_name__icontains", '"PHISH"', "phish"),
        ("_filter_name__contains", '"PHISH"', ""),
        ("_filter_name__startswith", '"mal"', "malware"),
        ("_filter_name__endswith", '"sure"', "phish"),
        ("_filter_name", '"O\'Hara said \\"hi\\""', "event"),
        ("_filter_status", '"closed"', "event"),
        ("_exclude_status", '"closed"', "phish malware"),
        ("_exclude_label__in", "['phishing','malware']", "event"),
        ("_filter_close_time__isnull", "False", "event"),
        ("_filter_close_time__isnull", "true", "phish malware"),
        ("_filter_tags__contains", '"vip"', "phish"),
        ("_filter_tags__contains", '["mail","vip"]', "phish"),
        ("_filter_tags__in", '["host","vip"]', "phish malware"),
        ("_filter_tags__isnull", "True", "event"),
        ("_filter_tags__icontains", '"VI"', "phish"),
        ("_filter_custom_fields__score", "7", "phish"),
        ("_filter_custom_fields__score__gt", "8", "malware"),
        ("_filter_custom_fields__score__in", "[7, 70]", "phish malware"),
        ("_filter_custom_fields__team__name", '"blue"', "phish"),
        ("_filter_custom_fields__done", "True", "malware"),
        ("_filter_custom_fields__done__gt", "False", "malware"),
        ("_filter_custom_fields__team__isnull", "True", "malware event"),
        ("_filter_custom_fields__icontains", '"BLUE"', "phish"),
        ("_filter_id__gt", "999999999999999999999999", ""),
        ("_filter_id__in", '["1", 2]', "phish malware"),
        ("_filter_create_time__gt", '"2020-01-01"', "phish malware event"),
        ("_filter_create_time__lt", "2020-01-01T00:00:00.5Z", ""),
        ("_filter_asset", "None", ""),
        ("filter", '{"label": "phishing", "severity__in": ["high"]}', "phish"),
        ("filter", "{'label': 'malware'}", "malware"),
    ],
)
def test_filters_find_what_they_say(
    analyst: Client, mails: dict[str, int], name: str, value: str, expected: str
) -> None:
    """
    Every operator, on every kind of field, in every spelling of its value.
    """
    found = analyst.ids("/rest/container", **{name: value})

    assert [n for n, number in mails.items() if number in found] == expected.split()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"_filter_external_id": "1"}, ["external_id", "known fields", "severity"]),
        ({"_filter_name__regex": "a"}, ["regex", "icontains"]),
        ({"_filter_id": '"x"'}, ["_filter_id", "whole number"]),
        ({"_filter_id__gt": "1.5"}, ["whole number"]),
        ({"_filter_create_time__gt": "yesterday"}, ["must be a time"]),
        ({"_filter_create_time__gt": "99999999999999"}, ["must be a time"]),
        ({"_filter_create_time__contains": "2020"}, ["contains"]),
        ({"_filter_name": "[1]"}, ["__in"]),
        ({"_filter_configuration": "1"}, ["configuration"]),
        ({"sort": "pg_sleep(1)"}, ["sort", "known fields"]),
        ({"order": "sideways"}, ["asc", "desc"]),
        ({"page": "-1"}, ["page"]),
        ({"page_size": "many"}, ["page_size"]),
        ({"filter": "[]"}, ["must be an object"]),
        ({"filter": '{"nothing": 1}'}, ["filter.nothing", "known fields"]),
    ],
)
def test_a_question_that_cannot_be_understood_is_named(
    reader: Client, parameters: dict[str, str], words: list[str]
) -> None:
    """
    400 names the parameter, and what could stand there instead.
    """
    answer = reader.get("/rest/container", **parameters)

    assert answer.status_code == 400
    assert all(word in answer.json()["message"] for word in words), answer.text


NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "' or 1=1 --",
            '" or ""="',
            "'; drop table container; --",
            "\\",
            "%",
            "_",
            "\x00",
            "[",
            "['a",
            '["\\ud800"]',
            "{}",
            "((((",
            ":v0",
            "%(v0)s",
            "1e400",
            "-1",
            "None",
            "[None]",
            "'\\x00'",
            "$1",
            "{x}",
            "*",
            "9" * 400,
        ]
    ),
    st.lists(st.text(max_size=10), max_size=3).map(json.dumps),
)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    field_name=st.sampled_from(
        ["id", "name", "tags", "custom_fields", "custom_fields__a", "create_time", "artifact_count"]
    ),
    operator=st.sampled_from(["", "__in", "__icontains", "__gt", "__isnull", "__endswith", "__x"]),
    value=NASTY,
    way=st.sampled_from(["_filter_", "_exclude_"]),
)
def test_no_filter_value_breaks_or_injects(
    analyst: Client, field_name: str, operator: str, value: str, way: str
) -> None:
    """
    Whatever stands in a filter is compared as a value: never a 500, never a match by trickery.
    """
    if not analyst.ids("/rest/container"):
        add_container(analyst, name="only one")

    answer = analyst.get("/rest/container", **{f"{way}{field_name}{operator}": value})

    assert answer.status_code in {200, 400}, answer.text
    if answer.status_code == 200 and (way, field_name, operator) == ("_filter_", "name", ""):
        assert answer.json()["count"] == 0 or "only one" in value


# Containers and artifacts


def test_an_alert_becomes_a_container_with_artifacts(house: House, analyst: Client) -> None:
    """
    Posting an alert opens a container and queues the playbooks whose trigger matches.
    """
    stored(house, add_playbook)
    assert (
        client_of(house, analyst.url, "root", "admin").post("/rest/trigger", TRIGGER).status_code
        == 200
    )

    answer = analyst.post(
        "/rest/container",
        {
            "name": "Reported mail",
            "label": "phishing",
            "severity": "high",
            "source_data_identifier": "m-1",
            "custom_fields": {"team": "blue"},
            "owner": "ada",
            "sensitivity": "red",
            "artifacts": [{"name": "url", "cef": {"requestURL": "http://x"}}],
        },
    ).json()

    assert answer["success"] is True
    assert len(answer["new_artifact_ids"]) == 1
    shown = analyst.get(f"/rest/container/{answer['id']}").json()
    assert (shown["artifact_count"], shown["owner_name"], shown["sensitivity"]) == (1, "ada", "red")
    assert shown["custom_fields"] == {"team": "blue"}
    assert shown["create_time"].endswith("Z")
    assert len(shown["create_time"]) == len("2024-01-01T00:00:00.000000Z")
    runs = analyst.get(f"/rest/container/{answer['id']}/playbook_runs").json()["data"]
    assert [(r["playbook_name"], r["status"]) for r in runs] == [("triage", "pending")]


def test_the_same_alert_again_names_the_first_container(analyst: Client) -> None:
    """
    A repeat of (asset, source id) is refused with the id of what is there; nothing is added.
    """
    first = add_container(analyst, source_data_identifier="m-1")

    again = analyst.post("/rest/container", {"name": "x", "source_data_identifier": "m-1"})

    assert again.status_code == 400
    assert again.json()["failed"] is True
    assert again.json()["existing_container_id"] == first
    assert analyst.ids("/rest/container") == [first]


def test_two_alerts_without_an_id_are_two_containers(analyst: Client) -> None:
    """
    Where no source id is given one is made, as Splunk does.
    """
    assert add_container(analyst) != add_container(analyst)


def test_a_container_is_changed(analyst: Client) -> None:
    """
    Fields are replaced, custom fields are merged, closing it sets its close time.
    """
    number = add_container(analyst, custom_fields={"a": 1})

    answer = analyst.post(
        f"/rest/container/{number}",
        {
            "status": "closed",
            "severity": "low",
            "tags": ["done"],
            "custom_fields": {"b": 2},
            "owner": "ada",
            "name": "New name",
            "label": "malware",
            "description": "d",
            "sensitivity": "green",
            "container_type": "case",
        },
    )

    assert answer.json() == {"success": True, "id": number}
    shown = analyst.get(f"/rest/container/{number}").json()
    assert shown["custom_fields"] == {"a": 1, "b": 2}
    assert (shown["status"], shown["severity"], shown["tags"]) == ("closed", "low", ["done"])
    assert (shown["label"], shown["container_type"]) == ("malware", "case")
    assert shown["close_time"] is not None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"status": "finished"}, "status"),
        ({"severity": "extreme"}, "severity"),
        ({"label": "no such label"}, "label"),
        ({"owner": "nobody"}, "nobody"),
        ({"tags": "x"}, "tags"),
        ({"custom_fields": []}, "custom_fields"),
        ({"name": "  "}, "name"),
        ({"description": 5}, "description"),
    ],
)
def test_a_change_that_cannot_be_made_is_named(
    analyst: Client, change: dict[str, Any], word: str
) -> None:
    """
    400 names the field; the container stays as it was.
    """
    number = add_container(analyst)
    before = analyst.get(f"/rest/container/{number}").json()

    answer = analyst.post(f"/rest/container/{number}", {"description": "changed", **change})

    assert answer.status_code == 400
    assert word in answer.json()["message"]
    assert analyst.get(f"/rest/container/{number}").json() == before


def test_what_belongs_to_a_container_is_listed(house: House, analyst: Client) -> None:
    """
    Artifacts, actions, runs, notes, comments and report stand below their container.
    """
    asked = ask(house, analyst)
    other = add_container(analyst, artifacts=[{"name": "not this"}])
    stored(house, lambda w: w.containers.add_note(asked.container, content="c", author="ada"))
    stored(
        house,
        lambda w: w.containers.add_note(asked.container, content="n", author="ada", kind="note"),
    )
    analyst.post("/rest/artifact", {"container_id": asked.container, "name": "ip"})

    at = f"/rest/container/{asked.container}"

    assert [a["name"] for a in analyst.get(f"{at}/artifacts").json()["data"]] == ["ip"]
    assert analyst.ids(f"{at}/playbook_runs") == [asked.run]
    assert [a["action"] for a in analyst.get(f"{at}/actions").json()["data"]] == ["prompt"]
    assert [n["content"] for n in analyst.get(f"{at}/notes").json()["data"]] == ["n"]
    assert [n["comment"] for n in analyst.get(f"{at}/comments").json()["data"]] == ["c"]
    assert "SOAR PLAYBOOK EXECUTION REPORT" in analyst.get(f"{at}/report").text
    assert analyst.get(f"/rest/container/{other + 1}/artifacts").status_code == 404


def test_artifacts_are_added_one_by_one_or_many_at_once(analyst: Client) -> None:
    """
    A list gets a result for each, and a bad one does not stop the others.
    """
    number = add_container(analyst)

    one = analyst.post(
        "/rest/artifact", {"container_id": number, "cef": {"sourceAddress": "1.2.3.4"}}
    )
    many = analyst.post(
        "/rest/artifact",
        [
            {"container_id": number, "name": "a", "source_data_identifier": "s"},
            {"container_id": number, "name": "b", "severity": "extreme"},
            {"container_id": 4711, "name": "c"},
            {"container_id": number, "name": "d", "source_data_identifier": "s"},
            5,
        ],
    ).json()

    assert one.json()["success"] is True
    assert [m["success"] for m in many] == [True, False, False, True, False]
    assert many[1]["message"].startswith("severity: ")
    assert many[3]["existing_artifact_id"] == many[0]["id"]
    assert analyst.ids("/rest/artifact", _filter_cef__sourceAddress='"1.2.3.4"') == [
        one.json()["id"]
    ]
    assert analyst.ids("/rest/artifact", _filter_container=number) == [
        one.json()["id"],
        many[0]["id"],
    ]


def test_large_fields_come_only_when_asked_for(analyst: Client) -> None:
    """
    A list leaves out data; one row has it, and so has a list with include_expensive.
    """
    number = add_container(analyst, data={"raw": "x"}, artifacts=[{"name": "a", "data": {"b": 1}}])

    for noun, data in (("container", {"raw": "x"}), ("artifact", {"b": 1})):
        assert "data" not in analyst.get(f"/rest/{noun}").json()["data"][0]
        heavy = analyst.get(f"/rest/{noun}", include_expensive="").json()["data"][0]
        assert heavy["data"] == data
    assert analyst.get(f"/rest/container/{number}").json()["data"] == {"raw": "x"}
    slim = analyst.get("/rest/container", _exclude_fields="tags, label").json()["data"][0]
    assert {"tags", "label"}.isdisjoint(slim)


# Runs


@pytest.mark.parametrize("means", ["id", "digits", "name", "repository"])
def test_a_playbook_is_run_on_a_container(house: House, analyst: Client, means: str) -> None:
    """
    By id or by name with a repository; the answer's run id is a text.
    """
    playbook = stored(house, add_playbook)
    newest = stored(house, lambda w: add_playbook(w, version="1.1"))
    container = add_container(analyst)
    names = {
        "id": playbook,
        "digits": str(playbook),
        "name": "triage",
        "repository": "local/triage",
    }

    answer = analyst.post(
        "/rest/playbook_run",
        {"container_id": container, "playbook_id": names[means], "scope": "all", "run": True},
    )

    assert answer.json() == {"playbook_run_id": "1", "received": True, "success": True}
    run = analyst.get("/rest/playbook_run/1").json()
    assert (run["status"], run["playbook"], run["container"]) == ("pending", newest, container)
    assert (run["run_as"], run["version"]) == ("ada", "1.1")
    assert json.loads(run["message"])["playbook"] == "local/triage"


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        ({"playbook_id": 99}, 404, 'Playbook "99" not found'),
        ({"playbook_id": "local/none"}, 404, 'Playbook "local/none" not found'),
        ({"playbook_id": None}, 400, "playbook_id: is missing"),
        ({"container_id": 99}, 404, "there is no container 99"),
        ({"container_id": "x"}, 400, "container_id: must be a whole number"),
        ({"run": False}, 400, "run: must be true"),
        ({"scope": [1]}, 400, "scope: must be all or new"),
        ({"inputs": {"a": 1}}, 400, "inputs: cannot be given here"),
        ({"targets": 1}, 400, "targets: is not a field"),
    ],
)
def test_a_run_that_cannot_be_queued_is_refused(
    house: House, analyst: Client, more: dict[str, Any], status: int, message: str
) -> None:
    """
    An unknown playbook or container, or an order that a run cannot honour, queues nothing.
    """
    stored(house, add_playbook)
    asked = {"container_id": add_container(analyst), "playbook_id": "triage", **more}

    answer = analyst.post("/rest/playbook_run", asked)

    assert answer.status_code == status
    assert answer.json()["message"].startswith(message)
    assert analyst.ids("/rest/playbook_run") == []


def test_times_of_runs_are_texts_or_in_the_seeds_form_numbers(
    house: House, analyst: Client
) -> None:
    """
    With filter= times are seconds and can be subtracted; otherwise Splunk's texts.
    """
    container = add_container(analyst)

    def write(work: Work) -> tuple[int, int]:
        playbook = add_playbook(work)
        return (
            add_run(work, container, playbook, ended=True),
            add_run(work, container, playbook),
        )

    done, waiting = stored(house, write)

    text = analyst.get("/rest/playbook_run", _filter_status='"success"').json()["data"]
    assert [row["id"] for row in text] == [done]
    assert datetime.fromisoformat(text[0]["end_time"]) >= datetime.fromisoformat(
        text[0]["start_time"]
    )
    seeds = analyst.get("/rest/playbook_run", filter='{"status":"success"}').json()["data"]
    assert seeds[0]["end_time"] - seeds[0]["start_time"] >= 0
    assert seeds[0]["auto_resolved"] is True
    open_runs = analyst.get("/rest/playbook_run", filter='{"status":"pending"}').json()["data"]
    assert [(row["id"], row["end_time"]) for row in open_runs] == [(waiting, None)]


def test_the_log_of_a_run_and_no_way_to_cancel_it(house: House, analyst: Client) -> None:
    """
    A log line's type 0 is an error; cancelling is refused in a sentence.
    """
    container = add_container(analyst)

    def write(work: Work) -> int:
        run_id = add_run(work, container, add_playbook(work))
        other = add_run(work, container, add_playbook(work))
        work.runs.log(run_id, [("info", "on_start", "begins"), ("error", "on_start", "broken")])
        work.runs.log(other, [("info", "", "another run")])
        return run_id

    run_id = stored(house, write)

    log = analyst.get(f"/rest/playbook_run/{run_id}/log", page_size=0, sort="time").json()["data"]
    assert [(line["message"], line["message_type"]) for line in log] == [
        ("begins", 2),
        ("broken", 0),
    ]
    cancel = analyst.post(f"/rest/playbook_run/{run_id}", {"cancel": True})
    assert cancel.status_code == 400
    assert "cannot be cancelled" in cancel.json()["message"]


def test_actions_and_their_calls(house: House, analyst: Client) -> None:
    """
    An action run has app runs; what the vendor returned comes with one of them.
    """
    container = add_container(analyst)

    def write(work: Work) -> tuple[int, int]:
        run_id = add_run(work, container, add_playbook(work))
        act = work.runs.add_action_run(
            run_id=run_id,
            container_id=container,
            kind="act",
            action="ip reputation",
            name="ip_1",
            remaining=1,
        )
        call = work.calls.add(
            action_run_id=act,
            join_id=act,
            run_id=run_id,
            container_id=container,
            severity_rank=1,
            member={
                "action": "ip reputation",
                "asset": "abuse",
                "app": "abuseipdb",
                "parameters": {"ip": "1.2.3.4"},
                "context": {"guid": "g"},
                "parked_for": "approval",
            },
        )
        work.runs.add_action_run(
            run_id=run_id, container_id=container, kind="group", action="", name="group"
        )
        return act, call

    act, call = stored(house, write)

    assert analyst.ids("/rest/action_run", _filter_container=container) == [act]
    shown = analyst.get(f"/rest/action_run/{act}/app_runs").json()["data"]
    assert [(c["id"], c["status"], c["app_name"]) for c in shown] == [
        (call, "pending", "abuseipdb")
    ]
    assert "result_data" not in shown[0]
    single = analyst.get(f"/rest/app_run/{call}").json()
    assert single["result_data"][0]["parameter"] == {"ip": "1.2.3.4", "context": {"guid": "g"}}
    assert single["exception_occured"] is single["exception_occurred"] is False
    assert analyst.get("/rest/app_run", include_expensive=1).json()["data"][0]["result_data"]


# Approvals


def test_a_question_is_shown_exactly(analyst: Client, question: Question) -> None:
    """
    Who is asked, until when, what each option would do, and the digest an answer carries.
    """
    pending = analyst.get(
        "/rest/approval",
        _filter_status='"pending"',
        _filter_action_run__container_id=f'"{question.container}"',
        sort="start_time",
    ).json()["data"]
    assert [(a["id"], a["owner"], a["responses"]) for a in pending] == [
        (question.id, "soc_tier2", [])
    ]

    shown = analyst.get(f"/rest/approval/{question.id}").json()

    assert shown["options"] == ["Isolate Host", "Monitor Only"]
    assert shown["effects"]["Isolate Host"][0]["action"] == "quarantine device"
    assert gate.digest(shown["payload"]) == shown["payload_digest"]
    assert shown["due_time"]


@pytest.mark.parametrize(
    "form", [{"choice": "Isolate Host"}, {"responses": ["isolate host"], "status": "approve"}]
)
def test_a_person_answers_once(
    house: House, analyst: Client, question: Question, form: dict[str, Any]
) -> None:
    """
    The answer is signed and lets the run go on; a second one comes too late: 409.
    """
    at = f"/rest/approval/{question.id}"
    body = {**form, "payload_digest": analyst.get(at).json()["payload_digest"], "message": "seen"}

    answer = analyst.post(at, body)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["choice"], answer.json()["answered_by"]) == ("Isolate Host", "ada")
    shown = analyst.get(at).json()
    assert (shown["status"], shown["responses"]) == ("approved", ["Isolate Host"])
    kept = stored(house, lambda w: w.approvals.get(question.id))
    assert kept["signature"]
    assert kept["reason"] == "seen"
    late = analyst.post(at, {**body, "choice": "Monitor Only", "responses": [], "status": ""})
    assert late.status_code == 409
    assert "already decided" in late.json()["message"]


def test_an_action_is_denied(house: House, analyst: Client) -> None:
    """
    The form that Splunk's clients send for a held action: status deny.
    """
    held = ask(house, analyst, kind="action")
    digest = analyst.get(f"/rest/approval/{held.id}").json()["payload_digest"]

    answer = analyst.post(f"/rest/approval/{held.id}", {"status": "deny", "payload_digest": digest})

    assert answer.json()["choice"] == "Deny"
    assert analyst.get(f"/rest/approval/{held.id}").json()["status"] == "denied"
    assert analyst.ids("/rest/approval", _filter_status='"denied"') == [held.id]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"choice": "Isolate Host"}, 400),
        ({"choice": "Isolate Host", "payload_digest": "0" * 64}, 409),
        ({"choice": "Burn it", "payload_digest": "0" * 64}, 400),
        ({}, 400),
        ({"responses": ["Isolate Host", "Monitor Only"]}, 400),
        ({"choice": "Isolate Host", "responses": ["Monitor Only"]}, 400),
        ({"responses": ["Isolate Host"], "status": "deny"}, 400),
        ({"status": "perhaps"}, 400),
    ],
)
def test_an_answer_that_is_not_clear_decides_nothing(
    analyst: Client, question: Question, body: dict[str, Any], status: int
) -> None:
    """
    Without the digest of what was shown, or with two meanings, the question stays open.
    """
    answer = analyst.post(f"/rest/approval/{question.id}", body)

    assert answer.status_code == status
    assert analyst.get(f"/rest/approval/{question.id}").json()["status"] == "pending"


def test_only_the_addressed_person_answers(house: House, admin: Client, question: Question) -> None:
    """
    Neither an administrator without the role, nor a machine with it, may decide.
    """
    machine = client_of(house, admin.url, "robot", "soc_tier2", "automation", kind="automation")
    digest = admin.get(f"/rest/approval/{question.id}").json()["payload_digest"]

    for client in (admin, machine):
        answer = client.post(
            f"/rest/approval/{question.id}", {"choice": "Isolate Host", "payload_digest": digest}
        )
        assert answer.status_code == 403

    assert admin.get(f"/rest/approval/{question.id}").json()["status"] == "pending"


def test_reading_never_decides(analyst: Client, question: Question) -> None:
    """
    GET and HEAD with an answer in the address or body change nothing.
    """
    at = f"{analyst.url}/rest/approval/{question.id}"
    digest = analyst.get(f"/rest/approval/{question.id}").json()["payload_digest"]
    body = {"choice": "Isolate Host", "payload_digest": digest}

    for verb in ("GET", "HEAD"):
        answer = requests.request(
            verb, at, params=body, json=body, headers={"ph-auth-token": analyst.token}, timeout=10
        )
        assert answer.status_code == 200

    assert analyst.get(f"/rest/approval/{question.id}").json()["status"] == "pending"


def test_the_transaction_of_a_get_cannot_write(
    house: House, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Even an endpoint with a bug cannot change anything on GET: PostgreSQL refuses.
    """

    def writes(work: Work, token: str) -> Any:
        work.people.save("intruder", ["admin"])

    monkeypatch.setattr("soar.access.authenticate", writes)

    assert reader.get("/rest/version").status_code == 500
    monkeypatch.undo()
    assert "intruder" not in {p["username"] for p in stored(house, lambda w: w.people.all())}


def test_a_server_without_a_signing_key_says_so(
    house: House, question: Question, analyst: Client, tmp_path: Path
) -> None:
    """
    It is the operator's fault, not the client's: 503, and no path in the message.
    """
    changed = house.settings.model_copy(update={"signing_key_file": tmp_path / "none"})
    with serving(replace(house, settings=changed)) as url:
        answer = Client(url, analyst.token).post(f"/rest/approval/{question.id}", {"choice": "x"})

    assert answer.status_code == 503
    assert "none" not in answer.json()["message"]


# Assets, triggers, playbooks


def test_an_asset_is_kept_and_shown_without_its_secret(house: House, admin: Client) -> None:
    """
    Secrets go in and never come out; stars sent back leave them as they are.
    """
    made = admin.post("/rest/asset", ASSET).json()
    assert (made["success"], made["name"]) == (True, "virustotal_prod")

    shown = admin.get(f"/rest/asset/{made['id']}")
    assert shown.json()["configuration"]["api_key"] == "***"
    assert "TOP-SECRET" not in shown.text
    before = stored(house, lambda w: w.assets.get("virustotal_prod").configuration)
    again = {**ASSET, "configuration": {**shown.json()["configuration"], "rate_limit": False}}
    assert admin.post("/rest/asset", again).status_code == 200
    changed = admin.post(
        f"/rest/asset/{made['id']}", {"configuration": {"max_requests_per_minute": 9}}
    )
    assert changed.json()["id"] == made["id"]

    after = stored(house, lambda w: w.assets.get("virustotal_prod").configuration)
    assert after == {**before, "rate_limit": False, "max_requests_per_minute": 9}
    assert admin.ids("/rest/asset", _filter_name__icontains='"VIRUS"') == [made["id"]]


@pytest.mark.parametrize(
    "change",
    [
        {"app": "No Such App"},
        {"configuration": {"nonsense": 1}},
        {"configuration": {"api_key": "***"}},
        {"configuration": {"api_key": {"sealed": "gAAAA"}}},
        {"configuration": "x"},
        {"asset_name": "Bad Name"},
    ],
)
def test_an_asset_that_cannot_be_used_is_refused(admin: Client, change: dict[str, Any]) -> None:
    """
    400, and no asset; nobody brings a sealed value of their own.
    """
    assert admin.post("/rest/asset", {**ASSET, **change}).status_code == 400
    assert admin.ids("/rest/asset") == []


def test_a_trigger_is_kept_in_the_seeds_form(house: House, admin: Client) -> None:
    """
    What is posted is what is listed; a playbook that does not exist is refused.
    """
    refused = admin.post("/rest/trigger", TRIGGER)
    assert refused.status_code == 400
    assert "playbook_name" in refused.json()["message"]
    stored(house, add_playbook)

    assert admin.post("/rest/trigger", TRIGGER).json() == {"success": True, "name": "triage"}

    listed = admin.get("/rest/trigger", _filter_label__contains='"phishing"').json()["data"][0]
    assert {name: listed[name] for name in TRIGGER} == TRIGGER


def test_playbooks_are_listed_in_their_newest_version(house: House, reader: Client) -> None:
    """
    The list shows active versions; one row shows any version with its text.
    """
    old = stored(house, add_playbook)
    new = stored(house, lambda w: add_playbook(w, version="1.1"))

    assert reader.ids("/rest/playbook") == [new]
    assert "python" not in reader.get("/rest/playbook").json()["data"][0]
    assert "on_start" in reader.get(f"/rest/playbook/{old}").json()["python"]
