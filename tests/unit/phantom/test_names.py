"""
Every name of Splunk's playbook API that public playbooks use is offered, or refused by name.
"""

from __future__ import annotations

import pytest

from soar.phantom import refused, rules
from tests.unit.phantom.conftest import Stage

WORDS = """
debug act collect2 format get_format_data decision custom_function condition add_note save_run_data
playbook_block get_run_data completed playbook set_status comment prompt2 save_playbook_output_data
get_container set_severity get_list collect pin error promote concatenate update requests.get
build_phantom_rest_url delete_from_list delete_artifact add_tags get_tasks add_list actions_done
parse_success set_owner get_playbook_info get_effective_user get_base_url add_artifact check_list
get_phase get_summary get_data save_data prompt address_in_network task requests.post set_phase
get_assets get_action_results datastore_add datastore_get datastore_set datastore_present
vault_info set_sensitivity update_pin delete_pin close attacker_ips victim_ips set_label LoopState
vault_add discontinue get_raw_data merge valid_ip deescalate is_ip get_vault_item_info
set_action_limit get_artifact remove_tags add_tag get_artifacts utils.is_ip utils.is_url
utils.is_email utils.is_hash create_container valid_net save_object get_object clear_object
vault.Vault.get_file_info get_successful_action_results_v2 get_vault_file collect_from_contains
save_block_result find_events add_task add_workbook get_current_container_id_ get_notes vault_delete
get_tags remove_list vault.Vault.create_attachment
"""
NAMES = WORDS.split()
"""The public API as playbooks in the field use it, the most used first."""
MEANINGLESS = ("find_events", "set_parent_handle")
"""What is known of these is their name: nobody documents what they do."""


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_the_public_api_is_offered_or_refused(name: str) -> None:
    """
    It is there; where it means nothing, its call says so by its name.
    """
    found = rules
    for part in name.split("."):
        found = getattr(found, part)

    assert callable(found)
    offered = name in rules.__all__ or "." in name
    if not offered:
        with pytest.raises(NotImplementedError, match=rf"phantom\.{name} is not offered by this"):
            found("anything", at="all")


def test_the_list_of_names_is_whole() -> None:
    """
    102 names, each once; of those only what other rooms build, or what means nothing, is refused.
    """
    assert len(NAMES) == len(set(NAMES)) == 102
    assert set(MEANINGLESS).isdisjoint(rules.__all__)


@pytest.mark.parametrize("name", MEANINGLESS)
def test_a_refused_name_names_the_line_of_the_playbook(stage: Stage, name: str) -> None:
    """
    The run's error says which function, where it was called, and why it is not offered.
    """
    said = stage.says(f"phantom.{name}(container)")

    sentence = f"line 8: NotImplementedError: phantom.{name} is not offered by this release"
    assert said == f"block 'on_start' failed: {sentence}: {refused.why(name)}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("get_lists", "get_list"),
        ("add_notes", "add_note"),
        ("vault_inf", "vault_info"),
        ("colect2", "collect2"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(stage: Stage, name: str, hint: str) -> None:
    """
    A misspelt function is a sentence with a hint; ``hasattr`` stays honest.
    """
    said = stage.says(f"told.append(hasattr(phantom, '{name}'))\nphantom.{name}()")

    assert f"AttributeError: phantom.{name} is not known; did you mean phantom.{hint}?" in said
    assert not hasattr(rules, "zzz_nothing_like_it")
    with pytest.raises(AttributeError, match=r"phantom\.zzz is not known$"):
        _ = rules.zzz
