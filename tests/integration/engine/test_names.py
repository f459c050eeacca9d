"""
What blocks ask to be changed, in PostgreSQL: lists, notes, cases, files, kept values.

In: the bench. Out: nothing. Never: a change that is made twice, or one that is lost.
"""

from __future__ import annotations

import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from soar import triggers
from soar.domain.changes import ListEdit

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import phantom.rules as phantom\n\ndef on_start(container):\n"

EVERYTHING = (
    IMPORT
    + """
    phantom.add_list("blocked", ["203.0.113.9", "yes"])
    phantom.add_list("blocked", "203.0.113.10")
    ok, message, note = phantom.add_note(container, "general", title="T", content="C",
                                         note_format="markdown")
    phantom.comment(comment=f"note {note}")
    phantom.add_tags(container, ["a", "b"])
    phantom.remove_tags(container, "a")
    phantom.pin(container, message="m", data="1", name="verdict")
    phantom.pin(container, message="m", data="2", name="verdict")
    ok, message, artifact = phantom.add_artifact(container, {"raw": 1}, {"ip": "x"}, name="n",
                                                 field_mapping={"ip": ["ip"]})
    phantom.update({"id": artifact, "cef": {}}, {"cef": {"more": "y"}, "severity": "high"})
    ok, message, other = phantom.create_container("copy", "events", container_type="case")
    phantom.merge(case=other, container_id=container["id"])
    phantom.promote(container, template="NIST")
    phantom.save_object("k", {"v": 1}, container_id=container["id"])
    phantom.save_data([1, 2], key="shared")
    phantom.vault.Vault.create_attachment("evil", container["id"], file_name="e.bin")
    phantom.act("look up", {"target": "x"}, callback=later)

def later(action, success, container, results, handle):
    phantom.debug([row[0] for row in phantom.get_list("blocked")[2]])
    phantom.debug([n["data"]["title"] for n in phantom.get_notes()])
    phantom.debug([t["data"]["name"] for t in phantom.get_tasks(container)])
    phantom.set_phase(phase="Contain")
    ok, message, task = phantom.add_task(name="call")
    phantom.add_note(note_type="task", task_id=task, title="on it", content="x")
    phantom.debug([phantom.get_object("k", container_id=container["id"])[0]["value"],
                   phantom.get_data("shared")])
    info = phantom.vault_info()[2][0]
    with open(info["path"]) as file:
        phantom.debug([info["name"], file.read(), info["size"]])
    phantom.debug(phantom.get_artifact(container["artifacts"][0]["id"])["cef_types"])
    phantom.debug([phantom.get_summary()["result"][0]["action"], phantom.get_playbook_info()[0]])
    phantom.debug(phantom.get_phase()[3])
    phantom.set_status(container, "closed")
"""
)
TEMPLATE: list[dict[str, Any]] = [
    {
        "name": phase,
        "position": number,
        "tasks": [
            {
                "name": f"{phase} it",
                "description": "",
                "position": 1,
                "owner_name": "",
                "role": "",
                "is_note_required": False,
            }
        ],
    }
    for number, phase in enumerate(("Detect", "Contain"), start=1)
]


def test_everything_that_a_block_asks_for_is_there_for_the_next(bench: Bench) -> None:
    """
    In its order, under the ids that it was told; closing the container ends what was kept with it.
    """
    with bench.database.begin() as work:
        work.workbooks.add_template("NIST", TEMPLATE, by="a test")

    run_id = bench.play(EVERYTHING)

    assert bench.run(run_id)["error"] == ""
    log = bench.log()
    assert log[0] == "['203.0.113.9', '203.0.113.10']"
    assert log[1:3] == ["['T']", "['Detect it', 'Contain it']"]
    assert log[3:6] == ["[{'v': 1}, [1, 2]]", "['e.bin', 'evil', 4]", "{'ip': ['ip']}"]
    assert log[6].startswith("['look up', {'id': '1', 'name': 'tested', 'repo_name': 'local'")
    assert log[7] == "Contain"
    (note,) = bench.rows("select * from note where kind = 'general' and container_id = 1")
    assert f"note {note['id']}" in bench.notes()
    (pin,) = bench.rows("select data, name from pin")
    assert pin == {"data": "2", "name": "verdict"}
    case = bench.rows(
        "select c.kind, c.tags, c.template, p.name from container c"
        " join workbook_phase p on p.id = c.current_phase_id where c.id = 1"
    )
    assert case == [{"kind": "case", "tags": ["b"], "template": "NIST", "name": "Contain"}]
    assert bench.rows("select cef, severity from artifact where container_id = 1") == [
        {"cef": {"ip": "x", "more": "y"}, "severity": "high"}
    ]
    copied = bench.rows("select a.name, c.kind from artifact a join container c"
                        " on c.id = a.container_id where a.container_id <> 1")  # fmt: skip
    assert copied == [{"name": "n", "kind": "case"}]
    tasks = bench.rows("select t.name, p.name as phase, n.title from workbook_task t join"
                       " workbook_phase p on p.id = t.phase_id left join note n on n.task_id = t.id"
                       " where p.container_id = 1 order by t.id")  # fmt: skip
    assert tasks[-1] == {"name": "call", "phase": "Contain", "title": "on it"}
    assert bench.rows("select key from saved_object") == []


def test_two_who_add_to_a_list_at_once_both_have_added(bench: Bench) -> None:
    """
    Twenty rows by two hands: none is lost, also where the list was not there before.
    """

    def add(hand: str) -> None:
        for number in range(10):
            with bench.database.begin() as work:
                edits = [
                    ListEdit(name=name, verb="add", rows=((hand, str(number)),))
                    for name in (("a", "b") if hand == "left" else ("b", "a"))
                ]
                work.custom_lists.edit(edits, by=hand)

    hands = [threading.Thread(target=add, args=(hand,)) for hand in ("left", "right")]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)

    with bench.database.begin() as work:
        for name in ("a", "b"):
            rows = work.custom_lists.content(name) or []
            assert len(rows) == 20
            assert len({tuple(row) for row in rows}) == 20


def test_a_block_that_asks_for_what_cannot_be_done_has_changed_no_list(bench: Bench) -> None:
    """
    All of a block, or nothing.
    """
    run_id = bench.play(
        IMPORT + "    phantom.add_list('l', 'x')\n    phantom.comment(4711, 'nowhere')\n"
    )

    assert "asked for what cannot be done" in bench.run(run_id)["error"]
    assert bench.rows("select * from decided_list") == []


def test_discontinue_cancels_what_was_to_begin_after(bench: Bench) -> None:
    """
    A run of the same container that is still queued; another container's goes on, and so does
    whoever asked.
    """
    first = bench.start(IMPORT + "    phantom.discontinue()\n    phantom.comment(comment='on')\n")
    with bench.database.begin() as work:
        playbook = work.playbooks.save(name="b", title="b", version="1", source=IMPORT + "    pass")
        more = {"playbook_id": playbook[0], "started_by": "a test", "run_as": "automation"}
        second = work.runs.add(container_id=1, **more)
    third = bench.start(IMPORT + "    pass\n", name="c")

    bench.deliver_all()

    assert bench.run(first)["status"] == "success"
    assert bench.run(second)["status"] == "cancelled"
    assert bench.run(second)["error"] == f"not begun: run {first} called discontinue"
    assert bench.run(third)["status"] == "success"
    assert bench.notes() == ["on"]


def test_an_action_limit_holds_across_blocks(bench: Bench) -> None:
    """
    Two of three are made; the third fails, its callback hears of it, and the run ends failed.
    """
    run_id = bench.play(
        IMPORT
        + """
    phantom.set_action_limit(2)
    phantom.act("look up", {"target": "1"}, callback=again)

def again(action, success, container, results, handle):
    phantom.act("look up", {"target": "2"})
    phantom.act("look up", {"target": "3"}, callback=refused)

def refused(action, success, container, results, handle):
    phantom.comment(comment=str(success))
"""
    )

    assert [c["parameters"]["target"] for c in bench.calls() if c["status"] == "success"] == [
        "1",
        "2",
    ]
    assert "its limit is 2" in bench.run(run_id)["error"]
    assert bench.notes() == ["False"]


@pytest.mark.parametrize("automation", [True, False])
def test_automation_starts_where_an_artifact_asks_for_it(bench: Bench, automation: bool) -> None:
    """
    The playbooks of matching triggers, but never the one that asks: it would start itself.
    """
    body = f"""
    number = phantom.create_container("new", "events")[2]
    phantom.add_artifact(number, {{}}, {{"a": "b"}}, run_automation={automation})
"""
    bench.start(IMPORT + body, other=IMPORT + "    phantom.comment(comment='started')\n")
    with bench.database.begin() as work:
        for name in ("tested", "other"):
            triggers.save(work, triggers.parse({"playbook_name": name, "trigger": {
                "type": "event_created", "conditions": {"label": ["events"]}}}))  # fmt: skip

    bench.deliver_all()

    assert bench.notes() == (["started"] if automation else [])
    assert len(bench.rows("select * from playbook_run")) == (2 if automation else 1)


def test_a_file_that_a_block_deletes_is_gone_and_a_results_text_stays(bench: Bench) -> None:
    """
    What a call has left belongs to the call.
    """
    bench.play(
        IMPORT
        + """
    phantom.vault.Vault.create_attachment("mine", file_name="a")
    phantom.act("look up", {"target": "1"}, callback=after)

def after(action, success, container, results, handle):
    phantom.vault_delete(file_name="a")
    phantom.vault_delete(file_name="result")
"""
    )
    assert bench.rows("select id from attachment") == []
    (call,) = bench.calls()
    bench.do(
        "insert into attachment (container_id, app_run_id, name, size, content) values (1, :c,"
        " 'result', 1, :z)",
        c=call["id"],
        z=zlib.compress(b"x"),
    )
    with bench.database.begin() as work:
        assert work.attachments.delete([2]) == 0


def test_a_candidate_changes_nothing_and_says_what_it_would_have_done(bench: Bench) -> None:
    """
    Lists, pins, files, containers: lines in its log, and no row.
    """
    bench.start(IMPORT + "    pass\n")
    with bench.database.begin() as work:
        source = EVERYTHING.split("    phantom.act(")[0]
        number = work.playbooks.save(name="s", title="s", version="1", source=source)[0]
        run = work.runs.add(
            container_id=1, playbook_id=number, started_by="x", run_as="x", shadow=True
        )

    bench.engine.start_run(run)

    said = "\n".join(bench.log())
    for what in ("edited the list 'blocked'", "pinned", "merged container 1", "attached the file"):
        assert f"would have {what}" in said
    for table in ("decided_list", "pin", "note", "artifact", "attachment", "saved_object"):
        assert bench.rows(f"select 1 from {table}") == []
    assert len(bench.rows("select 1 from container")) == 1


@pytest.mark.parametrize("ends", ["pass", "1 / 0"])
def test_the_folder_of_a_block_is_gone_when_the_block_has_ended(bench: Bench, ends: str) -> None:
    """
    With the files in it, also where the block raised.
    """
    run_id = bench.start(
        f"""{IMPORT}
    folder = phantom.vault.Vault.get_vault_tmp_dir()
    with open(f"{{folder}}/note.txt", "w") as file:
        file.write("secret")
    phantom.save_run_data(key="folder", value=folder)
    {ends}
"""
    )
    bench.settle()

    folder = Path(bench.run(run_id)["run_data"]["folder"])
    assert folder.name.startswith("soar-block-")
    assert not folder.exists()
