"""
``phantom.requests``: a block asks this system's own REST, as its run.

In: the bench, and a real server on the same database. Out: nothing.
Never: a change made twice, a wait without an end, or a token that outlives its block.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from soar import access
from soar.bootstrap import House
from soar.engine.steps import Engine
from soar.engine.web import Web
from soar.settings import Settings
from soar.store.database import Database
from tests.integration.rest.stage import serving

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import json\nimport phantom.rules as phantom\n\ndef on_start(container):\n"
POST = """
    url = phantom.build_phantom_rest_url("container_comment")
    answer = phantom.requests.post(uri=url, data=json.dumps(
        {"container_id": container["id"], "comment": "posted"}), verify=False)
    phantom.comment(comment=f"{answer.status_code} {answer.json()['success']}")
"""


@pytest.fixture
def web(house: House, bench: Bench) -> Iterator[str]:
    """A server, and a bench whose engine knows it."""
    with serving(house) as url:
        settings = bench.settings.model_copy(update={"rest_url": url, "public_url": "https://me"})
        bench.engine = replace(bench.engine, settings=settings)
        yield url


def posted(bench: Bench) -> list[str]:
    """Return the comments that came over REST."""
    return [note for note in bench.notes() if note == "posted"]


def test_a_block_asks_rest_as_its_run(bench: Bench, web: str) -> None:
    """
    By address, by path, by the address that people use; filters, bodies and refusals as they are.
    """
    run_id = bench.play(
        IMPORT
        + POST
        + """
    for url in ("/rest/container", "https://127.0.0.1/rest/container", "https://me/rest/container"):
        found = phantom.requests.get(url, params={"_filter_name": '"a case"'}, verify=False).json()
        phantom.debug([found["count"], found["data"][0]["id"]])
    made = phantom.requests.post("/rest/decided_list", json={"name": "l", "content": [["a"]]})
    phantom.debug(made.json())
    phantom.debug(phantom.requests.post("/rest/decided_list", json={"name": "l"}).status_code)
    phantom.debug(phantom.requests.get("/rest/nowhere").status_code)
    phantom.debug(phantom.get_list("l")[2])
"""
    )

    assert bench.run(run_id)["error"] == ""
    assert bench.notes() == ["200 True", "posted"]
    assert bench.log()[:3] == ["[1, 1]"] * 3
    assert bench.log()[3:] == ["{'success': True, 'id': 1}", "400", "404", "[['a']]"]
    (row,) = bench.rows("select author from note where content = 'posted'")
    assert row["author"] == "automation"


def test_what_a_block_has_asked_is_there_when_it_asks_rest(bench: Bench, web: str) -> None:
    """
    An artifact, a list, a workbook that the block has just asked for; and it reads back what REST
    has changed.
    """
    run_id = bench.play(
        IMPORT
        + """
    number = phantom.add_artifact(container, {}, {"a": "b"}, name="mine")[2]
    phantom.add_list("l", "x")
    phantom.set_status(container, "open")
    url = phantom.build_phantom_rest_url("artifact", number)
    found = phantom.requests.get(url).json()
    phantom.debug([found["id"] == number, found["name"]])
    phantom.requests.post(url, json={"name": "renamed", "tags": ["t"]})
    phantom.debug([(a["name"], a["tags"]) for a in phantom.get_artifacts(container)])
    phantom.debug([phantom.get_container()["status"], phantom.get_list("l")[2]])
    phantom.add_list("l", "y")
    phantom.comment(comment="after")
"""
    )

    assert bench.run(run_id)["error"] == ""
    assert bench.log() == ["[True, 'mine']", "[('renamed', ['t'])]", "['open', [['x']]]"]
    assert bench.rows("select content from decided_list") == [{"content": [["x"], ["y"]]}]
    assert bench.rows("select name from artifact") == [{"name": "renamed"}]
    assert bench.rows("select * from block_deed") == []


class Died(BaseException):
    """The engine's process is gone."""


def test_a_block_that_is_run_again_has_done_nothing_twice(
    bench: Bench, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The process dies after the block, before its commit: the second time it is given the same ids,
    what was carried out stays, and REST answers what it answered.
    """
    source = (
        IMPORT
        + """
    number = phantom.add_artifact(container, {}, {"a": "b"}, name="mine")[2]
    note = phantom.add_note(title="n", content="c")[2]
"""
        + POST
        + """
    made = phantom.requests.post("/rest/note", json={"container_id": 1, "title": "over rest"})
    phantom.debug([number, note, made.json()["id"]])
"""
    )
    run_id = bench.start(source)
    write = Engine._write

    def die(*arguments: Any) -> int:
        write(*arguments)
        raise Died

    monkeypatch.setattr(Engine, "_write", die)
    with pytest.raises(Died):
        bench.engine.start_run(run_id)
    before = bench.rows("select id, title, content from note order by id")
    assert len(before) == 4
    assert len(bench.rows("select * from block_deed")) == 4
    monkeypatch.setattr(Engine, "_write", write)

    bench.deliver_all()

    (artifact,) = bench.rows("select id from artifact")
    notes = bench.rows("select id, title, content from note order by id")
    told = [artifact["id"], before[0]["id"], before[3]["id"]]
    assert bench.run(run_id)["error"] == ""
    assert notes == before
    assert bench.log() == [str(told)]
    assert bench.rows("select * from block_deed") == []


def test_a_block_that_would_wait_for_itself_is_answered(bench: Bench, web: str) -> None:
    """
    It holds its run's row: to cancel that over REST is refused within seconds, and the run goes on.
    Its container it does not hold.
    """
    began = time.monotonic()

    run_id = bench.play(
        IMPORT
        + """
    own = phantom.get_playbook_info()[0]["run_id"]
    answer = phantom.requests.post(f"/rest/playbook_run/{own}", json={"cancel": True})
    phantom.debug([answer.status_code, answer.json()["message"][:36]])
    answer = phantom.requests.post(f"/rest/container/{container['id']}", json={"status": "open"})
    phantom.debug(answer.status_code)
    phantom.set_severity(container, "low")
"""
    )

    assert time.monotonic() - began < 15
    assert bench.log() == ["[409, 'somebody else is changing this just ']", "200"]
    assert bench.run(run_id)["status"] == "success"
    assert bench.rows("select status, severity from container") == [
        {"status": "open", "severity": "low"}
    ]


def test_a_token_counts_only_while_its_block_runs(
    bench: Bench, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Afterwards it is a token that nobody has; what is kept of it is its hash.
    """
    shown: list[str] = []
    lent = Web._lent

    def watched(self: Web) -> str:
        shown.append(lent(self))
        assert shown[0] not in str(bench.rows("select * from run_token"))
        return shown[-1]

    monkeypatch.setattr(Web, "_lent", watched)
    bench.play(IMPORT + POST)

    assert shown[0].startswith("run-")
    assert bench.rows("select * from run_token") == []
    for token in (shown[0], "run-made-up"):
        answer = requests.get(f"{web}/rest/container", headers={"ph-auth-token": token}, timeout=30)
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("roles", "active", "told"),
    [
        (["analyst"], True, [200, 403]),
        (["admin", "soc_tier2"], True, [200, 200]),
        (["nobody"], True, [403, 403]),
        (["admin"], False, [401, 401]),
    ],
)
def test_a_run_may_what_the_person_may_as_whom_it_runs(
    bench: Bench, web: str, roles: list[str], active: bool, told: list[int]
) -> None:
    """
    No more than their roles allow, and nothing once they are disabled.
    """
    run_id = bench.start(
        IMPORT
        + """
    comment = {"container_id": 1, "comment": "posted"}
    first = phantom.requests.post("/rest/container_comment", json=comment)
    second = phantom.requests.post("/rest/workbook_template", json={"name": "W"})
    phantom.debug([first.status_code, second.status_code])
"""
    )
    with bench.database.begin() as work:
        work.people.set_active(work.people.save("ada", roles), active)
    bench.do("update playbook_run set run_as = 'ada'")

    bench.deliver_all()

    assert bench.run(run_id)["error"] == ""
    assert bench.log() == [str(told)]


def test_a_run_is_a_machine_whoever_it_runs_as(bench: Bench) -> None:
    """
    It never answers a question, also not one to the person as whom it runs.
    """
    bench.start(IMPORT + "    pass\n")
    bench.do("update playbook_run set run_as = 'ada'")
    with bench.database.begin() as work:
        work.people.save("ada", ["soc_tier2"])
        hashed = access.token_hash("run-x")
        work.deeds._do(
            "insert into run_token values (:hash, 1, now() + interval '1 minute')", hash=hashed
        )
        person = access.authenticate(work, "run-x", address="127.0.0.1")

    assert (person.username, person.kind, person.run_id) == ("ada", "automation", 1)
    assert person.roles == ("soc_tier2",)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://evil.example/x", "asks only this system, not 'evil.example'"),
        ("https://me.evil.example/rest/container", "asks only this system, not 'me.evil.example'"),
        ("//evil.example/rest", "asks only this system, not 'evil.example'"),
        ("/approvals", "asks only what is below /rest, not '/approvals'"),
        ("/restx", "asks only what is below /rest"),
        ("/rest/../approvals", "asks only what is below /rest"),
    ],
)
def test_the_engine_is_no_way_out(bench: Bench, web: str, url: str, sentence: str) -> None:
    """
    Another address is refused with a sentence that says what to do instead.
    """
    run_id = bench.play(IMPORT + f"    phantom.requests.get({url!r})\n")

    assert sentence in bench.run(run_id)["error"]


def test_a_host_that_the_operator_names_is_asked_without_a_token(
    bench: Bench, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It gets what the playbook gives, and nothing of ours.
    """
    sent: list[tuple[str, dict[str, Any]]] = []

    def request(self: requests.Session, method: str, url: str, **given: Any) -> requests.Response:
        sent.append((url, given))
        return requests.Response()

    monkeypatch.setattr(requests.Session, "request", request)
    settings = bench.engine.settings.model_copy(update={"playbook_hosts": "intel.example, x"})
    bench.engine = replace(bench.engine, settings=settings)

    bench.play(IMPORT + "    phantom.requests.get('https://intel.example/a', timeout=900)\n")

    ((url, given),) = sent
    assert url == "https://intel.example/a"
    assert "headers" not in given
    assert given["timeout"] <= 10
    assert given["allow_redirects"] is False


def test_a_run_in_shadow_asks_and_changes_nothing(bench: Bench, web: str) -> None:
    """
    It may read; what it would have changed is a line in its log.
    """
    bench.start(IMPORT + "    pass\n")
    body = (
        IMPORT + POST + "    phantom.debug(phantom.requests.get('/rest/container').status_code)\n"
    )
    with bench.database.begin() as work:
        number = work.playbooks.save(name="s", title="s", version="1", source=body)[0]
        more = {"playbook_id": number, "started_by": "x", "run_as": "automation"}
        run = work.runs.add(container_id=1, shadow=True, **more)

    bench.engine.start_run(run)

    assert bench.notes() == []
    log = bench.log()
    assert "200" in log
    assert any("would have asked POST /rest/container_comment" in line for line in log)


def test_an_answer_that_does_not_come_is_waited_for_only_so_long(
    house: House, bench: Bench, servers: Any
) -> None:
    """
    The block hears of it as an exception of requests, and the run goes on.
    """
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        update = {"rest_url": url, "block_seconds": 2.0}
        settings: Settings = bench.settings.model_copy(update=update)
        bench.engine = replace(bench.engine, settings=settings)
        began = time.monotonic()
        bench.play(
            IMPORT
            + """
    try:
        phantom.requests.get("/rest/container", timeout=600)
    except phantom.requests.exceptions.RequestException as error:
        phantom.comment(comment=type(error).__name__)
"""
        )

    assert bench.notes() == ["ReadTimeout"]
    assert time.monotonic() - began < 20
    assert isinstance(bench.database, Database)


def test_a_playbook_changes_nothing_that_bounds_playbooks(bench: Bench, web: str) -> None:
    """
    Run by an administrator, it may not loosen the policies and limits that hold its own calls.
    """
    with bench.database.begin() as work:
        work.people.save("root", ["admin"])
    run_id = bench.start(
        IMPORT
        + POST
        + """
    rule = {"protect": "10.0.0.0/8", "action": "block ip"}
    for path in ("blast_rule", "approval_policy", "role", "asset", "shadow"):
        phantom.debug(phantom.requests.post(f"/rest/{path}", json=rule).json()["message"])
    phantom.debug(phantom.requests.get("/rest/blast_rule").status_code)
"""
    )
    bench.do("update playbook_run set run_as = 'root'")
    bench.deliver_all()

    assert bench.run(run_id)["error"] == ""
    said = bench.log()[:6]
    assert all(line.startswith("a playbook may not edit ") for line in said[:5]), said
    assert said[5] == "200"
