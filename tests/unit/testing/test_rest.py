"""
REST on a stage: what ``phantom.requests`` asks is answered from memory, as the real one would.
"""

from __future__ import annotations

import pytest

from soar.testing import Memory, alert
from tests.unit.phantom.conftest import Stage

GET = "phantom.requests.get(phantom.build_phantom_rest_url({0}), verify=False{1})"
CEF = {"sourceAddress": "192.0.2.1", "fileHash": "a" * 64, "note": "x"}


@pytest.fixture
def stage() -> Stage:
    """A run on a container with two artifacts, in a system with people, playbooks and a book."""
    made = Stage(Memory(alert(CEF, {"sourceAddress": "198.51.100.7"}, owner_name="ada")))
    made.shelf.users = {7: "ada", 9: "bob"}
    made.shelf.inventory = ["mailbox"]
    made.shelf.lists = {"block list": [["a", "1"]]}
    book = {"id": 3, "name": "NIST", "phases": [{"name": "Detect", "tasks": ["look", "cut"]}]}
    made.shelf.templates = [book]
    told = {"category": "Use", "labels": ["*"], "playbook_type": "data"}
    made.shelf.playbooks = [
        {"id": 5, "name": "block", "tags": ["block", "ip"], "scm": "community", **told},
        {"id": 6, "name": "other", "tags": ["ip"], "scm": "local", **told},
    ]
    return made


@pytest.mark.parametrize(
    ("address", "params", "count"),
    [
        ("'container'", "", 1),
        ("'artifact'", "{'_filter_cef__sourceAddress': '\"192.0.2.1\"'}", 1),
        ("'artifact'", "{'_filter_cef__sourceAddress__startswith': '\"192\"'}", 1),
        ("'artifact'", "{'_filter_container_id': 1, '_filter_id__gt': 1}", 1),
        ("'artifact'", "{'_filter_create_time__gt': '\"2030-01-01T00:00:00Z\"'}", 0),
        ("'artifact'", "{'_exclude_name': '\"artifact\"'}", 0),
        ("'container', 1, 'artifacts'", "{'page_size': 0}", 2),
        ("'container', 1, 'notes'", "", 0),
        ("'ph_user'", "{'_filter_username': '\"bob\"'}", 1),
        ("'role'", "{'_filter_name__iexact': '\"ADMINISTRATOR\"'}", 1),
        ("'asset'", "{'_filter_name': '\"mailbox\"'}", 1),
        ("'playbook'", "{'_filter_tags__contains': '[\"block\", \"ip\"]'}", 1),
        ("'playbook'", "{'_filter_scm': 1}", 1),
        ("'scm'", "{'_filter_name': '\"community\"'}", 1),
        ("'indicator'", "{'_filter_value__iexact': '\"192.0.2.1\"'}", 1),
        ("'container_status'", "{'_filter_name__in': '[\"new\", \"open\"]'}", 2),
        ("'workbook_template'", "{'_filter_name': '\"NIST\"'}", 1),
        ("'workbook_phase_template'", "{'_filter_template': 3}", 1),
        ("'decided_list'", "", 1),
        ("'evidence'", "", 0),
    ],
)
def test_a_list_is_filtered_as_the_real_one(
    stage: Stage, address: str, params: str, count: int
) -> None:
    """
    The parameters are read by the real query language: fields, paths, operators, literals.
    """
    found = stage.says(
        f"told.append({GET.format(address, f', params={params}' if params else '')}.json())"
    )[0]

    assert (found["count"], found["num_pages"], len(found["data"])) == (count, 1, count)


@pytest.mark.parametrize(
    ("address", "status", "sentence"),
    [
        ("'nowhere'", 404, "there is nothing at /rest/nowhere"),
        ("'container', 99", 404, "there is no container '99'"),
        ("'container', 1, 'nothing'", 404, "there is nothing at /rest/container/1/nothing"),
        ("'ph_user', 0", 404, "there is no user '0'"),
    ],
)
def test_what_is_not_there_is_said(stage: Stage, address: str, status: int, sentence: str) -> None:
    """
    The status and the sentence of a refusal, not an error of the stage.
    """
    told = stage.says(f"""
        answer = {GET.format(address, "")}
        told.append([answer.status_code, answer.json()])
    """)

    assert told == [[status, {"failed": True, "message": sentence}]]


def test_a_filter_that_the_real_list_refuses_is_refused(stage: Stage) -> None:
    """
    400, with the fields that are known.
    """
    told = stage.says(f"""
        answer = {GET.format("'artifact'", ", params={'_filter_flavour': 'sweet'}")}
        told.append([answer.status_code, answer.json()["message"]])
    """)

    assert told[0][0] == 400
    assert "Cannot resolve keyword 'flavour' into field" in told[0][1]


def test_what_a_block_asked_before_is_seen_and_kept_once(stage: Stage) -> None:
    """
    As in the engine: a request comes after what was asked so far, which is not done twice.
    """
    told = stage.says("""
        phantom.add_note(container=container, note_type="general", title="t", content="c")
        url = phantom.build_phantom_rest_url("note")
        told.append(phantom.requests.get(url).json()["count"])
    """)

    assert told == [1]
    assert len(stage.shelf.written) == 1


def test_what_is_posted_is_there_for_the_next_block(stage: Stage) -> None:
    """
    New rows have an id; a change of an artifact, a task, a list, the tags of an indicator.
    """
    told = stage.says("""
        def post(*parts, **body):
            url = phantom.build_phantom_rest_url(*parts)
            told.append(phantom.requests.post(url, json=body, verify=False).json())

        post("evidence", container_id=1, object_id=1, content_type="artifact")
        post("artifact", container_id=1, name="new", cef={"sourceAddress": "203.0.113.9"})
        post("artifact", 1, tags=["seen"])
        post("indicator", 1, tags=["bad"])
        post("decided_list", "block list", append_rows=[["b", "2"]])
        post("asset", name="x")
    """)

    assert [one["success"] for one in told[:5]] == [True] * 5
    assert told[5]["message"] == "a asset cannot be posted to a stage"
    assert [e["object_id"] for e in stage.shelf.evidence] == [1]
    assert [a["tags"] for a in stage.memory.artifacts(1)] == [["seen"], [], []]
    assert stage.shelf.tagged == {"192.0.2.1": ["bad"]}
    assert stage.shelf.lists == {"block list": [["a", "1"], ["b", "2"]]}


def test_a_workbook_that_is_added_has_its_tasks(stage: Stage) -> None:
    """
    Its phases and tasks are the container's; a task is changed over REST.
    """
    told = stage.says("""
        phantom.add_workbook(container=1, workbook_id=3)
        url = phantom.build_phantom_rest_url("container", 1, "phases")
        told.append([phase["name"] for phase in phantom.requests.get(url).json()["data"]])
        found = phantom.get_tasks(container=1)
        told.append([[t["data"]["name"], t["data"]["notes"]] for t in found])
        for noun, task in zip(("workbook_task", "workflow_task"), found):
            url = phantom.build_phantom_rest_url(noun, task["data"]["id"])
            phantom.requests.post(url, data=json.dumps({"status": 2}))
    """)

    assert told == [["Detect"], [["look", []], ["cut", []]]]
    assert [task["status"] for task in stage.shelf.to_do] == [2, 2]


def test_other_addresses_answer_in_their_own_shape(stage: Stage) -> None:
    """
    What CEF fields hold; an indicator by its value; the containers that have it.
    """
    told = stage.says("""
        def get(*parts, **params):
            url = phantom.build_phantom_rest_url(*parts)
            return phantom.requests.get(url, params=params).json()

        told.append(get("cef_metadata")["cef"]["fileHashSha256"]["contains"])
        told.append(get("indicator_by_value", indicator_value="192.0.2.1")["id"])
        told.append([c["container_id"] for c in get("indicator_common_container", indicator_ids=1)])
        told.append(get("indicator_common_container", indicator_ids=99))
        told.append(get("artifact", include_all_cef_types="")["data"][0]["cef_types"])
        told.append(get("artifact")["data"][0]["cef_types"])
    """)

    types = {"sourceAddress": ["ip"], "fileHash": ["hash"]}
    assert told == [["hash", "sha256"], 1, [1], [], types, {}]


def test_a_run_that_was_started_is_found_by_its_id(stage: Stage) -> None:
    """
    With the playbook's id and, once it has ended, its status.
    """
    stage.says("told.append(phantom.playbook('community/block', container=container))")
    number = next(iter(stage.shelf.runs))
    stage.shelf.ends(number, success=True)

    asked = GET.format(f"'playbook_run', {number}", "")
    told = stage.says(f"told.append({asked}.json())")

    assert (told[0]["playbook"], told[0]["status"]) == (5, "success")
