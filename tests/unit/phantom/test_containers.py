"""
Containers and artifacts, as a block changes and reads them.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain.changes import CreateContainer, DeleteArtifact, StartAutomation, UpdateArtifact
from soar.domain.commands import AddArtifact, Log, UpdateContainer
from tests.unit.phantom.conftest import Stage


@pytest.mark.parametrize(
    ("call", "changes"),
    [
        ("set_status(container, 'Open')", {"status": "open"}),
        ("set_status(container=1, status='in review')", {"status": "in review"}),
        ("set_severity(container, 'high')", {"severity": "high"}),
        ("set_severity(severity='LOW')", {"severity": "low"}),
        ("set_sensitivity(container, 'Red')", {"sensitivity": "red"}),
        ("set_label(container, label='notable')", {"label": "notable"}),
        ("set_owner(container, 'ada')", {"owner_name": "ada"}),
        ("set_owner(container, user='7')", {"owner_name": "ben"}),
        ("set_owner(container=container, role='soc')", {"owner_name": "soc"}),
        ("set_owner('')", {"owner_name": ""}),
        ("set_owner(container, '')", {"owner_name": ""}),
        ("close(container)", {"status": "closed"}),
        ("escalate(container)", {"severity": "high"}),
        ("deescalate(container)", {"severity": "low"}),
    ],
)
def test_a_field_is_set_in_every_form(stage: Stage, call: str, changes: dict[str, str]) -> None:
    """
    By position or keyword, on the dict, the id, or the run's own container.
    """
    stage.shelf.users |= {1: "ada", 7: "ben"}
    call = call.replace("set_owner('')", "set_owner(user='')")

    told = stage.says(f"told.append(phantom.{call})")

    assert told == [[True, "updated"]]
    assert stage.asks == [UpdateContainer(container_id=1, changes=changes)]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("set_sensitivity(container, 'pink')", "sensitivity 'pink' is none of white, green"),
        ("set_status(container, '')", "the status was not set: it is empty"),
        ("set_owner(container, 99)", "there is no user 99"),
        ("promote_to_case()", "AttributeError: phantom.promote_to_case is not known"),
    ],
)
def test_what_cannot_be_set_says_so(stage: Stage, call: str, sentence: str) -> None:
    """
    In the answer and in the run's log; a name that nobody knows ends the block.
    """
    told = stage.says(f"told.append(phantom.{call})")

    assert sentence in str(told)
    if isinstance(told, list):
        assert told[0][0] is False
        assert [(a.level, a.message) for a in stage.asks] == [("error", told[0][1])]


def test_update_merges_and_names_what_is_not_kept(stage: Stage) -> None:
    """
    A field that this system has not is a line in the log, and the others are changed.
    """
    told = stage.says("""
        told.append(phantom.update(container, {"description": "d", "due_time": "x",
                                               "custom_fields": {"a": 1}, "owner_id": 7}))
    """)

    owner, log, change = stage.asks
    assert told == [[True, "updated"]]
    assert owner.message == "the owner was not changed: there is no user 7"
    assert log == Log(
        level="warning", message="fields that are not kept here were not updated: due_time"
    )
    assert change.changes == {"description": "d", "custom_fields": {"a": 1}}


def test_an_owner_whom_nobody_knows_is_declined(stage: Stage) -> None:
    """
    By whatever way, and an owner that is cleared is not unknown.
    """
    stage.shelf.users[1] = "ada"
    told = stage.says("""
        told.append(phantom.set_owner(container, 'nobody'))
        told.append(phantom.add_task(container, 'look', owner='nobody'))
        told.append(phantom.update(container, {'owner_id': None}))
    """)

    assert told == [
        [False, "there is no user nobody"],
        [False, "no task was added: there is no user nobody", None],
        [True, "updated"],
    ]
    assert stage.asks[-1].changes == {"owner_name": ""}


def test_an_artifact_of_the_alert_is_found_and_deleted_by_its_id(stage: Stage) -> None:
    """
    And is gone for the next block.
    """
    told = stage.says("""
        told.append(phantom.get_artifact(1)['id'])
        told.append(phantom.delete_artifact('1'))
    """)
    assert told == [1, True]

    assert stage.says("told.append(phantom.get_artifact(1))") == [None]


def test_addresses_are_those_of_a_scope(stage: Stage) -> None:
    """
    Without one, of every artifact.
    """
    told = stage.says("""
        told.append(phantom.attacker_ips(container) == phantom.attacker_ips(container, scope='all'))
        told.append(phantom.attacker_ips(container, scope=[999]))
    """)

    assert told == [True, []]


def test_an_artifact_is_updated_by_its_dict(stage: Stage) -> None:
    """
    ``update`` knows an artifact by its ``cef``.
    """
    stage.says("phantom.update(container['artifacts'][0], {'cef': {'note': 'x'}})")

    assert stage.asks == [UpdateArtifact(artifact_id=1, changes={"cef": {"note": "x"}})]


def test_an_artifact_is_added_with_all_of_splunks_arguments(stage: Stage) -> None:
    """
    Raw data and the kinds of its fields are kept; automation starts only where it is asked for.
    """
    told = stage.says("""
        told.append(phantom.add_artifact(container=container, raw_data={"line": "x"},
            cef_data={"fileHash": "f"}, label="event", name="n", severity="high",
            identifier="i", artifact_type="host", field_mapping={"fileHash": ["hash"]},
            trace=True, run_automation=True))
        told.append([a["name"] for a in phantom.get_artifacts()])
        told.append(phantom.get_artifact(101)["cef"])
    """)

    assert told == [[True, "artifact added", 101], ["artifact", "artifact", "n"], {"fileHash": "f"}]
    added, automation = stage.asks
    assert isinstance(added, AddArtifact)
    assert added.fields == {
        "cef": {"fileHash": "f"}, "label": "event", "name": "n", "severity": "high", "type": "host",
        "source_data_identifier": "i", "tags": [],
        "data": {"line": "x", "cef_types": {"fileHash": ["hash"]}},
    }  # fmt: skip
    assert automation == StartAutomation(container_id=1)


def test_an_artifact_is_deleted_once(stage: Stage) -> None:
    """
    True the first time; then the block sees it no more.
    """
    stage.shelf.artifacts[1] = stage.memory.shape["artifacts"][0]

    told = stage.says("""
        told.append(phantom.delete_artifact(artifact_id=1))
        told.append(phantom.delete_artifact(1))
        told.append([a["id"] for a in phantom.get_artifacts()])
        told.append(phantom.get_artifact(1))
    """)

    assert told == [True, False, [2], None]
    assert stage.asks[0] == DeleteArtifact(artifact_id=1)


def test_an_artifact_is_found_by_its_label(stage: Stage) -> None:
    """
    The first of the container that has the word as its label, name or type.
    """
    told = stage.says("""
        told.append(phantom.get_artifact(container, "event")["id"])
        told.append(phantom.get_artifact(container, "nothing"))
    """)

    assert told == [1, None]


def test_a_container_is_made_and_used_in_one_block(stage: Stage) -> None:
    """
    Its id is known at once; artifacts and changes of it follow in their order.
    """
    told = stage.says("""
        ok, message, number = phantom.create_container(name="Copy", label="events")
        told.append([ok, message, number])
        phantom.add_artifact(number, {"cef": {"a": 1}})
        phantom.set_severity(number, "high")
        found = phantom.get_container(number)
        told.append([found["name"], found["severity"], len(found["artifacts"])])
        told.append(phantom.create_container(name=""))
    """)

    assert told[0] == [True, "container made", 101]
    assert told[1] == ["Copy", "high", 1]
    assert told[2][0] is False
    assert stage.asks[0] == CreateContainer(container_id=101, name="Copy", label="events")
    assert [type(c).__name__ for c in stage.asks[1:3]] == ["AddArtifact", "UpdateContainer"]


def test_a_container_is_of_the_tenant_of_the_runs_or_of_a_named_one(stage: Stage) -> None:
    """
    By name or number; none is made for a tenant that there is not, and the answer says so.
    """
    stage.memory.shape["tenant"] = 7
    stage.shelf.tenants = {0: "Default Tenant", 8: "Globex"}

    told: Any = stage.says("""
        for tenant in (None, "", "Globex", 8, 0, "nobody"):
            told.append(phantom.create_container("Copy", tenant_id=tenant)[1])
    """)

    assert [c.tenant_id for c in stage.asks if isinstance(c, CreateContainer)] == [7, 7, 8, 8, 0]
    assert told[-1] == "no container was made: no tenant 'nobody' takes containers"


def test_what_1_x_called_attackers_and_victims(stage: Stage) -> None:
    """
    Source and destination addresses of the artifacts, each once; and the alert as it came.
    """
    stage.memory.shape["data"] = {"raw": 1}

    told: Any = stage.says("""
        told.append(phantom.attacker_ips(container, scope="all"))
        told.append(phantom.victim_ips(container))
        told.append(phantom.get_raw_data(container))
        told.append(phantom.get_current_container_id_())
    """)

    assert told == [["10.0.0.5"], ["203.0.113.9"], '{"raw": 1}', 1]
