"""
Notes, comments, tags and pins, as a block writes and reads them.
"""

from __future__ import annotations

import pytest

from soar.domain.changes import ChangeTags, DeletePin, WritePin
from soar.domain.commands import AddNote
from tests.unit.phantom.conftest import Stage


def test_a_note_has_an_id_at_once_and_is_read_back(stage: Stage) -> None:
    """
    Success, message and id; the same block and the next one find it.
    """
    read = "told += [n['data']['title'] for n in phantom.get_notes() if n['success']]"

    told = stage.says(
        "told.append(phantom.add_note(container, 'general', title='T', content='C',"
        " note_format='markdown'))\n" + read
    )

    assert told == [[True, "note added", 101], "T"]
    note = AddNote(
        container_id=1, content="C", title="T", kind="general", format="markdown", note_id=101
    )
    assert stage.asks == [note]
    assert stage.says(read) == ["T"]


@pytest.mark.parametrize("kind", ["task", "artifact"])
def test_a_note_on_a_task_or_artifact_names_it(stage: Stage, kind: str) -> None:
    """
    Without its id nothing is written; with it the note is found by it.
    """
    told = stage.says(f"""
        told.append(phantom.add_note(note_type="{kind}", title="T"))
        told.append(phantom.add_note(note_type="{kind}", title="U", {kind}_id="5")[0])
        told.append([n["data"]["title"] for n in phantom.get_notes({kind}_id=5)])
        told.append(phantom.get_notes({kind}_id=6))
    """)

    refusal = f"a note of type '{kind}' needs its {kind}_id"
    assert told == [[False, refusal, None], True, ["U"], []]


def test_a_comment_needs_no_container(stage: Stage) -> None:
    """
    It goes to the run's own; a comment is no note.
    """
    told = stage.says("""
        told.append(phantom.comment(comment="hello", trace=True))
        told.append(phantom.get_notes())
    """)

    assert told == [[True, "comment added"], []]
    assert stage.asks == [AddNote(container_id=1, content="hello")]


def test_tags_are_added_and_removed_one_by_one(stage: Stage) -> None:
    """
    What is asked are the differences: tags of others stay.
    """
    told = stage.says("""
        phantom.add_tags(container, ["b", "a"])
        phantom.add_tag(container, "c")
        phantom.remove_tags(tags="a")
        told.append(phantom.get_tags(container=container))
    """)

    assert told == [[True, "2 tags", ["b", "c"]]]
    assert stage.asks == [
        ChangeTags(container_id=1, add=("b", "a")),
        ChangeTags(container_id=1, add=("c",)),
        ChangeTags(container_id=1, remove=("a",)),
    ]
    assert stage.says("told.append(phantom.get_container(1)['tags'])") == [["b", "c"]]


def test_a_pin_of_a_name_is_changed_instead_of_added(stage: Stage) -> None:
    """
    In the same block and in the next one; without a name there is a new one each time.
    """
    told = stage.says("""
        told.append(phantom.pin(container, message="m", data="d", pin_type="card_medium",
                                pin_style="red", name="verdict"))
        told.append(phantom.pin(message="m2", data="d2", name="verdict")[2])
        told.append(phantom.pin(message="other")[2])
    """)

    assert told == [[True, "pin added", 101], 101, 102]
    assert stage.shelf.pinned[101]["message"] == "m2"
    assert stage.says("told.append(phantom.pin(message='m3', name='verdict'))") == [
        [True, "pin updated", 101]
    ]


def test_a_pin_is_updated_and_deleted_by_its_id(stage: Stage) -> None:
    """
    Only what is given changes; one that is not there is refused in words.
    """
    stage.says("phantom.pin(message='m', data='d', pin_style='blue')")

    told = stage.says("""
        told.append(phantom.update_pin(101, message="new"))
        told.append(phantom.update_pin(7, message="x"))
        told.append(phantom.delete_pin(pin_id=101))
        told.append(phantom.delete_pin(pin_id=101))
        told.append(phantom.delete_pin(None))
    """)

    assert told[0] == [True, "pin updated"]
    assert told[1] == [False, "there is no pin 7"]
    assert [t[0] for t in told[2:]] == [True, False, False]
    changes = [c for c in stage.asks if isinstance(c, WritePin | DeletePin)]
    assert changes == [WritePin(pin_id=101, fields={"message": "new"}), DeletePin(pin_id=101)]
