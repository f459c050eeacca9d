"""
Cases: promotion, merging, workbooks, phases and tasks, as a block asks for them.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain.changes import AddTask, AddWorkbook, Merge, SetPhase, UpdateTask
from tests.unit.phantom.conftest import Stage

TEMPLATE = {"id": 4, "name": "NIST"}
PHASES = [{"id": 8, "name": "Detect", "container": 1}, {"id": 9, "name": "Contain", "container": 1}]


@pytest.mark.parametrize("wanted", ["'NIST'", "4", "'4'"])
def test_a_container_is_promoted_with_a_workbook(stage: Stage, wanted: str) -> None:
    """
    By its name or id; the case says which one it has.
    """
    stage.shelf.templates = [TEMPLATE]

    told = stage.says(f"""
        told.append(phantom.promote(container=container, template={wanted}, trace=True))
        told.append(phantom.get_container(1)["container_type"])
    """)

    change, workbook = stage.asks
    assert told == [[True, "promoted with the workbook 'NIST'"], "case"]
    assert change.changes == {"container_type": "case", "kind": "case", "template": "NIST"}
    assert workbook == AddWorkbook(container_id=1, template_id=4)


def test_an_unknown_template_promotes_all_the_same(stage: Stage) -> None:
    """
    The case keeps its name, and the message says that there is no such workbook.
    """
    told = stage.says("told.append(phantom.promote(template='Gone'))")

    assert told == [[True, "promoted; there is no workbook 'Gone'"]]
    assert [c.changes["template"] for c in stage.asks] == ["Gone"]


def test_a_workbook_is_added_by_its_template(stage: Stage) -> None:
    """
    Positional as in the field; an unknown one is refused in words.
    """
    stage.shelf.templates = [TEMPLATE]

    told = stage.says("""
        told.append(phantom.add_workbook(container, 4))
        told.append(phantom.add_workbook(container=1, workbook_id=5))
    """)

    assert told == [[True, "workbook added"], [False, "there is no workbook template 5"]]
    assert stage.asks[0] == AddWorkbook(container_id=1, template_id=4)


def test_tasks_are_listed_added_and_given_away(stage: Stage) -> None:
    """
    Each task as success, message and data; a new one has its id at once.
    """
    stage.shelf.users[7] = "ben"
    stage.shelf.to_do = [{"id": 3, "name": "look", "container": 1, "status": 0}]

    told = stage.says("""
        told.append(phantom.add_task(container=container, name="call", owner=7))
        told.append([t["data"]["name"] for t in phantom.get_tasks(container) if t["success"]])
        told.append(phantom.set_owner(container, user="ben", task_id=3))
        told.append(phantom.add_task(container, {"title": "reset", "description": "d"})[0])
        told.append(phantom.add_task(container, "")[0])
    """)

    assert told == [
        [True, "task added", 101],
        ["look", "call"],
        [True, "the task has got its owner"],
        True,
        False,
    ]
    fields: dict[str, Any] = {"name": "call", "description": "", "owner_name": "ben", "role": ""}
    assert stage.asks[0] == AddTask(container_id=1, task_id=101, fields=fields)
    assert stage.asks[1] == UpdateTask(task_id=3, changes={"owner_name": "ben", "role": ""})


@pytest.mark.parametrize("wanted", ["'Contain'", "9", "'9'"])
def test_a_phase_is_set_and_read(stage: Stage, wanted: str) -> None:
    """
    By name or id; before that there is none, and its id is None.
    """
    stage.shelf.phased = PHASES

    told = stage.says(f"""
        told.append(phantom.get_phase())
        told.append(phantom.set_phase(container=container, phase={wanted}))
        told.append(phantom.get_phase(container))
        told.append(phantom.set_phase(phase="Nowhere"))
    """)

    assert told == [
        [True, "the container is in no phase", None, ""],
        [True, "phase set"],
        [True, "", 9, "Contain"],
        [False, "container 1 has no phase 'Nowhere'"],
    ]
    assert stage.asks[0] == SetPhase(container_id=1, phase_id=9)
    stage.memory.shape["current_phase_id"] = 8
    assert stage.says("told.append(phantom.get_phase()[3])") == ["Detect"]


def test_only_a_case_takes_others_in(stage: Stage) -> None:
    """
    A whole container, or one artifact; what cannot be merged is named.
    """
    told = stage.says("""
        told.append(phantom.merge(case=1, container_id=2))
        phantom.promote()
        told.append(phantom.merge(case=container, container_id=2))
        told.append(phantom.merge(artifact_id=5))
        told.append(phantom.merge(case=1, container_id=1))
        told.append(phantom.merge(case=1, playbook_run_id=3))
    """)

    assert told == [
        [False, "container 1 is no case: promote it first"],
        [True, "merged"],
        [True, "merged"],
        [False, "a case cannot be merged into itself"],
        [False, "nothing was merged: playbook_run_id cannot be merged"],
    ]
    merges = [c for c in stage.asks if isinstance(c, Merge)]
    assert merges == [Merge(case_id=1, container_id=2), Merge(case_id=1, artifact_id=5)]
