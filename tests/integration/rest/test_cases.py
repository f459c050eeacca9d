"""
Custom lists, notes, pins, workbooks and files over REST.
"""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any

import pytest

from soar.bootstrap import House
from tests.integration.rest.stage import Client, add_container

TEMPLATE = {
    "name": "NIST",
    "is_default": True,
    "phases": [
        {"name": "Detect", "tasks": [{"name": "look", "is_note_required": True}]},
        {"name": "Contain", "order": 7, "tasks": [{"name": "cut", "owner": "ada"}]},
    ],
}


def told(answer: Any) -> tuple[int, str]:
    """Return the status of a refusal and its sentence."""
    return answer.status_code, answer.json()["message"]


def test_a_custom_list_is_made_read_edited_and_removed(analyst: Client, reader: Client) -> None:
    """
    By its id and by its name; as a whole and row by row; every change is on the record.
    """
    made = analyst.post("/rest/decided_list", {"name": "block list", "content": ["a", 1]})
    assert made.json() == {"success": True, "id": 1}
    one = reader.get("/rest/decided_list/block%20list/").json()
    assert (one["id"], one["content"]) == (1, [["a", "1"]])

    edits = {"append_rows": [["b"], ["c"]], "update_rows": {"0": ["x", None]}}
    assert analyst.post("/rest/decided_list/1", edits).json() == {"success": True, "id": 1}
    assert analyst.post("/rest/decided_list/1", {"delete_rows": [1]}).status_code == 200
    listed = reader.get("/rest/decided_list", _filter_name='"block list"').json()
    assert [("content" in row, row["version"]) for row in listed["data"]] == [(False, 3)]
    text = reader.get("/rest/decided_list/1/formatted_content", _fs=";", _rs="|").text
    assert text == "x;|c"

    assert analyst.delete("/rest/decided_list/block%20list").json()["success"] is True
    assert reader.get("/rest/decided_list/1").status_code == 404


def test_what_is_wrong_with_a_list_is_said(analyst: Client, reader: Client) -> None:
    """
    A second of its name, a name that is none, an edit that is none, a person who may not.
    """
    analyst.post("/rest/decided_list", {"name": "l", "content": [["a"]]})

    again = analyst.post("/rest/decided_list", {"name": "l"})
    assert (again.status_code, again.json()["existing_list_id"]) == (400, 1)
    assert told(analyst.post("/rest/decided_list", {"name": " "}))[0] == 400
    status, sentence = told(analyst.post("/rest/decided_list/1", {"update_rows": {"5": ["x"]}}))
    assert (status, sentence) == (400, "update_rows: there is no row 5: the list has 1")
    assert told(analyst.post("/rest/decided_list/1", {}))[0] == 400
    assert told(analyst.post("/rest/decided_list/1", {"name": "other", "content": []}))[0] == 400
    assert told(analyst.post("/rest/decided_list/none", {"content": []}))[0] == 404
    assert told(reader.post("/rest/decided_list", {"name": "m"}))[0] == 403
    assert told(reader.delete("/rest/decided_list/1"))[0] == 403


def test_a_name_that_no_index_takes_is_refused(analyst: Client) -> None:
    """
    It is the client's to shorten: the database is not away, and nothing is a bug.
    """
    name = "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x9FA5), k=2000)))
    pin = {"container_id": add_container(analyst), "message": "m", "name": name}

    assert told(analyst.post("/rest/container_pin", pin)) == (
        *(400, "a number is larger, or a text longer, than can be kept"),
    )


def test_notes_comments_and_pins_are_written_and_changed(analyst: Client) -> None:
    """
    A comment is no note; a pin of a name is changed instead of added.
    """
    number = add_container(analyst)
    note = {"container_id": number, "title": "T", "content": "C", "note_format": "html"}
    first = analyst.post("/rest/note", note).json()["id"]
    analyst.post("/rest/container_comment", {"container": number, "comment": "hello"})

    analyst.post(f"/rest/note/{first}", {"title": "U"})
    listed = analyst.get("/rest/note", _filter_container_id=number, pretty="").json()["data"]
    assert [(n["title"], n["content"], n["note_type"]) for n in listed] == [("U", "C", "general")]
    comments = analyst.get(f"/rest/container/{number}/comments").json()["data"]
    assert [c["comment"] for c in comments] == ["hello"]
    assert analyst.delete(f"/rest/note/{first}").status_code == 200
    assert analyst.ids("/rest/note") == []
    assert told(analyst.post("/rest/note", {**note, "note_type": "task"}))[0] == 400

    pin = {"container_id": number, "message": "m", "data": "1", "name": "verdict"}
    ids = [analyst.post("/rest/container_pin", {**pin, "data": d}).json()["id"] for d in "12"]
    assert ids[0] == ids[1]
    analyst.post(f"/rest/container_pin/{ids[0]}", {"pin_style": "red"})
    (shown,) = analyst.get(f"/rest/container/{number}/pins").json()["data"]
    assert (shown["data"], shown["pin_style"], shown["pin_type"]) == ("2", "red", "card")
    analyst.delete(f"/rest/container_pin/{ids[0]}")
    assert analyst.ids("/rest/container_pin") == []


@pytest.fixture
def case(admin: Client, analyst: Client, house: House) -> int:
    """A container with a workbook."""
    assert admin.post("/rest/workbook_template", TEMPLATE).status_code == 200
    number = add_container(analyst)
    with house.database.begin() as work:
        work.workbooks.add_to(number, 1)
    return number


def test_a_template_is_listed_with_its_parts_and_copied(case: int, analyst: Client) -> None:
    """
    Templates and what containers have of them are apart.
    """
    templates = analyst.get("/rest/workbook_template", _filter_name='"NIST"').json()["data"]
    assert [(t["id"], t["is_default"]) for t in templates] == [(1, True)]
    phases = analyst.get("/rest/workbook_phase_template", _filter_template='"1"').json()["data"]
    assert [(p["name"], p["order"]) for p in phases] == [("Detect", 1), ("Contain", 7)]
    assert len(analyst.ids("/rest/workbook_task_template")) == 2
    own = analyst.get(f"/rest/container/{case}/phases", _filter_name='"Contain"').json()["data"]
    assert [(p["name"], p["container"]) for p in own] == [("Contain", case)]
    tasks = analyst.get("/rest/workbook_task", _filter_container_id=case, sort="order").json()
    assert [(t["name"], t["status"], t["owner"]) for t in tasks["data"]] == [
        ("look", 0, None),
        ("cut", 0, "ada"),
    ]
    assert {t["phase"] for t in tasks["data"]}.isdisjoint(p["id"] for p in phases)


def test_a_task_goes_step_by_step_and_with_the_note_it_needs(case: int, analyst: Client) -> None:
    """
    0, 2, 1: never straight to complete; the note stands on the task.
    """
    task = analyst.ids("/rest/workbook_task", sort="order")[0]
    url = f"/rest/workbook_task/{task}"

    status, sentence = told(analyst.post(url, {"status": 1}))
    assert (status, sentence) == (400, "status: 1 does not follow 0: possible: 2")
    older = f"/rest/workflow_task/{task}"
    assert analyst.post(older, {"status": 2, "owner_id": "ada"}).status_code == 200
    status, sentence = told(analyst.post(url, {"status": 1}))
    assert (status, sentence) == (400, "note: is missing: this task is completed with a note")
    done = {"status": 1, "note": "seen", "title": "T", "note_format": "markdown"}
    assert analyst.post(url, done).json() == {"success": True, "id": task}

    one = analyst.get(url).json()
    assert (one["status"], one["owner"], one["end_time"] is None) == (1, "ada", False)
    (note,) = analyst.get("/rest/note", _filter_task_id=task).json()["data"]
    assert (note["note_type"], note["content"], note["title"]) == ("task", "seen", "T")
    assert told(analyst.post(url, {"owner": "nobody"}))[0] == 400
    assert told(analyst.post("/rest/workbook_task/999", {"status": 2}))[0] == 404


def test_only_an_administrator_makes_templates(admin: Client, analyst: Client) -> None:
    """
    Two of a name, or one that looks like an id, there cannot be.
    """
    assert told(analyst.post("/rest/workbook_template", TEMPLATE))[0] == 403
    assert admin.post("/rest/workbook_template", TEMPLATE).status_code == 200
    assert told(admin.post("/rest/workbook_template", TEMPLATE))[0] == 400
    assert told(admin.post("/rest/workbook_template", {"name": "12"}))[0] == 400


def test_a_file_is_attached_fetched_and_removed(analyst: Client) -> None:
    """
    As base64; its vault id is the SHA-1 of what it holds.
    """
    number = add_container(analyst)
    sent = {"container_id": number, "file_name": "e.bin"}
    content = base64.b64encode(b"evil").decode()

    made = analyst.post("/rest/container_attachment", {**sent, "file_content": content}).json()

    assert made["vault_id"] == hashlib.sha1(b"evil").hexdigest()
    answer = analyst.get("/rest/download_attachment", vault_id=made["vault_id"])
    assert answer.content == b"evil"
    assert told(analyst.post("/rest/container_attachment", {**sent, "file_content": "?"}))[0] == 400
    assert analyst.delete(f"/rest/container_attachment/{made['id']}").status_code == 200
    assert analyst.ids("/rest/container_attachment") == []


def test_an_artifact_is_changed_and_removed(analyst: Client, reader: Client) -> None:
    """
    ``cef`` and tags as a whole, everything else stays.
    """
    number = add_container(analyst)
    cef = {"sourceAddress": "10.0.0.1", "other": 1}
    new = {"container_id": number, "name": "a", "cef": cef, "severity": "low"}
    made = analyst.post("/rest/artifact", new).json()["id"]
    url = f"/rest/artifact/{made}"

    analyst.post(url, {"cef": {"new": True}, "tags": ["t"], "cef_types": {"new": ["ip"]}})

    one = analyst.get(url).json()
    assert (one["cef"], one["tags"], one["severity"], one["name"]) == (
        {"new": True},
        ["t"],
        "low",
        "a",
    )
    assert one["cef_types"] == {"new": ["ip"]}
    assert told(analyst.post(url, {"severity": "awful"}))[0] == 400
    assert told(reader.post(url, {"name": "x"}))[0] == 403
    assert analyst.delete(url).status_code == 200
    assert told(analyst.get(url))[0] == 404
