"""
Values by what they hold, and small things that playbooks of older releases rely on.
"""

from __future__ import annotations

from soar.phantom import rules, vault
from soar.phantom.results import PromptResults
from tests.unit.phantom.conftest import Stage


def test_values_are_collected_by_what_they_hold(stage: Stage) -> None:
    """
    What an artifact says of its fields comes first, then what CEF says; each value once.
    """
    first, second = stage.memory.shape["artifacts"]
    first["cef"] |= {"odd": ["192.0.2.8", "192.0.2.9"], "empty": ""}
    first["cef_types"] = {"odd": ["ip"], "empty": ["ip"], "destinationAddress": ["other"]}
    second["tags"] = ["seen"]

    told = stage.says("""
        told.append(phantom.collect_from_contains(container=container, contains=["ip"]))
        told.append(phantom.collect_from_contains(container=container, contains="hash"))
        told.append(phantom.collect_from_contains(contains=["ip"], tags=["seen"]))
        results = [{"action_results": [{"parameter": {"ip": "198.51.100.7"}}]}]
        told.append(phantom.collect_from_contains(container, results, ["ip"], tags=["none"]))
        told.append(phantom.collect_from_contains(container, results, ["ip"], False, tags=["x"]))
    """)

    ips = ["10.0.0.5", "192.0.2.8", "192.0.2.9"]
    assert [sorted(told[0]), *told[1:]] == [ips, ["a" * 32], ["10.0.0.5"], ["198.51.100.7"], []]


def test_a_question_in_the_summary_has_no_app_runs(stage: Stage) -> None:
    """
    A prompt calls no app: whoever walks through the app runs finds none there.
    """
    asked = PromptResults(
        name="ask", message="?", responses=["Yes"], user="ada", status="success", action_run_id=4
    )
    stage.memory.results += asked

    told = stage.says("told.append(phantom.get_summary()['result'])")

    assert [(one["name"], one["app_runs"]) for one in told[0]] == [("ask", [])]


def test_a_list_with_nothing_to_choose_is_asked_in_words(stage: Stage) -> None:
    """
    Nobody could answer it; the run's log says so.
    """
    stage.says("""
        phantom.prompt2(container=container, user="soc", message="?", name="ask",
                        response_types=[{"prompt": "", "options": {"type": "list"}}])
        told.append(1)
    """)

    assert stage.dialogue is not None
    assert stage.dialogue.warnings == ["a question is a list without choices: it is asked in words"]
    assert [q.kind for q in stage.dialogue.waiting[0].questions] == ["message"]


def test_names_of_the_first_releases_are_there(stage: Stage) -> None:
    """
    The vault's class hangs on ``phantom``, and REST has an address of its own.
    """
    assert rules.Vault is vault.Vault
    assert stage.says("told.append(phantom.get_rest_base_url())") == ["https://127.0.0.1/rest/"]


def test_a_container_tells_its_times_in_the_form_of_blocks(stage: Stage) -> None:
    """
    A space, six digits and +00; REST keeps the T and the Z. The container names its run.
    """
    told = stage.says("""
        told.append(container["create_time"])
        told.append(phantom.get_container(container["id"])["create_time"])
        told.append(phantom.collect2(container=container, datapath=["container:create_time"]))
        url = phantom.build_phantom_rest_url("container", container["id"])
        told.append(phantom.requests.get(url).json()["create_time"])
        told.append(container["current_rule_run_id"])
    """)

    block, rest = "2024-05-17 09:00:00.000000+00", "2024-05-17T09:00:00.000000Z"
    assert told == [block, block, [[block]], rest, 1]


def test_a_file_of_splunks_folder_is_kept_in_the_vault(stage: Stage) -> None:
    """
    Written there by one call of a block, found there by the next, attached by its path.
    """
    told = stage.says("""
        with open("/opt/phantom/vault/tmp/made.txt", "w") as file:
            file.write("text")
        told.append(pathlib.Path("/opt/phantom/vault/tmp/made.txt").read_text())
        path = "/opt/phantom/vault/tmp/{}".format("made.txt")
        told.append(phantom.vault_add(file_location=path, file_name="made.txt")[0])
        told.append([one["name"] for one in phantom.vault_info()[2]])
    """)

    assert told == ["text", True, ["made.txt"]]
