"""
Values that are kept beyond a run.
"""

from __future__ import annotations

from tests.unit.phantom.conftest import Stage


def test_data_is_kept_under_a_key_and_read_once(stage: Stage) -> None:
    """
    Without a key one is made; reading clears it unless told otherwise.
    """
    told = stage.says("""
        key = phantom.save_data([1, {"a": 2}])
        told.append(phantom.get_data(key, clear_data=False))
        told.append(phantom.get_data(key=key))
        told.append(phantom.get_data(key))
        told.append(phantom.save_data("x", key=42))
    """)

    assert told == [[1, {"a": 2}], [1, {"a": 2}], None, "42"]
    assert stage.says("told.append(phantom.get_data('42', clear_data=False))") == ["x"]
    assert stage.says("told.append(phantom.get_data('42'))") == ["x"]
    assert stage.shelf.kept == {}


def test_objects_are_kept_for_a_container_or_a_playbook(stage: Stage) -> None:
    """
    A list of what is found, each with its value; what one place keeps the other does not know.
    """
    told = stage.says("""
        phantom.save_object(key="pin1", value={"pin_id": 7}, container_id=container["id"])
        phantom.save_object(key="pin1", value={"pin_id": 8}, playbook_name="local/pb",
                            auto_delete=False)
        told.append(phantom.get_object(key="pin1", container_id=1)[0]["value"]["pin_id"])
        told.append([o["value"] for o in phantom.get_object(key="pin1", playbook_name="pb")])
        told.append(phantom.get_object(key="other", container_id=1))
    """)

    assert told == [7, [{"pin_id": 8}], []]
    assert [c.ends_with_container for c in stage.asks] == [True, False]


def test_objects_are_found_and_cleared_by_a_pattern(stage: Stage) -> None:
    """
    ``%`` stands for anything, also among what the block itself has kept; ``_`` is a letter.
    """
    stage.says("phantom.save_object('ip_1', 1, container_id=1)")

    told = stage.says("""
        phantom.save_object("ip_2", 2, container_id=1)
        phantom.save_object("ipx2", 3, container_id=1)
        told.append([o["value"] for o in phantom.get_object("ip_%", container_id=1)])
        phantom.clear_object(key="ip_%", container_id=1)
        told.append(phantom.get_object("%", container_id=1)[0]["value"])
        told.append(phantom.get_object("ipx2", clear_data=True, container_id=1)[0]["key"])
        told.append(phantom.get_object("%", container_id=1))
    """)

    assert told == [[1, 2], 3, "ipx2", []]
    assert stage.shelf.kept == {}


def test_an_object_belongs_to_somebody(stage: Stage) -> None:
    """
    Without container and playbook nobody could find it again.
    """
    assert "container_id: or playbook_name must be given" in stage.says(
        "phantom.save_object(key='k', value=1)"
    )


def test_what_was_never_saved_is_an_empty_text(stage: Stage) -> None:
    """
    Whatever asks for it: a condition, or an assignment within one.
    """
    told = stage.says("""
        told.append(phantom.get_run_data(key='never'))
        if (kept := phantom.get_run_data(key='never')) == '':
            told.append('nothing')
    """)

    assert told == ["", "nothing"]


def test_names_of_fields_are_taken_as_they_are(stage: Stage) -> None:
    """
    In their own case: no other spelling of a field is tried.
    """
    told = stage.says("""
        told.append(phantom.collect2(container, datapath=['artifact:*.cef.sourceaddress']))
        told.append(phantom.collect2(container, datapath=['artifact:*.cef.sourceAddress']))
    """)

    assert told == [[[None], [None]], [["10.0.0.5"], ["10.0.0.5"]]]
