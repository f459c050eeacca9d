"""
Names of Splunk's playbook API that mean nothing here, and what an unknown one is like.

In: a name. Out: a function that says so, with the playbook's line, or a hint.
Never: a name that silently does nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from soar.phantom.arguments import refuse

_WORDS = """
    act actions_done add_artifact add_list add_note add_tag add_tags add_task add_workbook
    address_in_network attacker_ips build_phantom_rest_url check_list clear_object close collect
    collect2 collect_from_contains comment completed concatenate condition create_container
    custom_function datastore_add datastore_get datastore_present datastore_set debug decision
    deescalate delete_artifact delete_from_list delete_pin discontinue error escalate find_artifacts
    find_events format get_action_results get_apps get_artifact get_artifacts get_assets
    get_base_url get_container get_current_container_id_ get_custom_function_results get_data
    get_effective_user get_extra_data get_filtered_data get_format_data get_list get_notes
    get_object get_phantom_home get_phase get_playbook_info get_playbook_run_id_ get_raw_data
    get_run_data get_successful_action_results_v2 get_summary get_tags get_tasks get_vault_file
    get_vault_item_info is_ip LoopState merge parse_errors parse_results parse_success
    pin playbook playbook_block promote prompt prompt2 remove_list remove_tags render_template
    save_block_result save_data save_object save_playbook_output_data save_run_data
    set_action_limit set_label set_list set_owner set_parent_handle set_phase set_sensitivity
    set_severity set_status task update update_pin valid_ip valid_net vault_add vault_delete
    vault_info victim_ips
"""
NAMES = frozenset(_WORDS.split())
"""Every name that public playbooks use; what is built is found before anybody asks here."""


_WHY = {
    "find_artifacts": "ask /rest/artifact by phantom.requests",
    "find_events": "nobody documents what it does; ask /rest/container by phantom.requests",
    "get_custom_function_results": "read <block>:custom_function_result.data by collect2",
    "get_extra_data": "nobody documents what it does; collect2 reads what an action has brought",
    "get_filtered_data": "read filtered-data:<filter>:<condition>: by collect2",
    "set_parent_handle": "nobody documents what it does; give a handle= to what you call",
}


def why(name: str) -> str:
    """Return why a name is not offered, and what takes its place."""
    return _WHY[name]


def refused(name: str) -> Callable[..., NoReturn]:
    """Return a function in the place of one that is not offered: it says so when it is called."""

    def of_this_name(*_: Any, **__: Any) -> NoReturn:
        refuse(name, why(name))

    of_this_name.__name__ = name
    return of_this_name


def unknown(name: str, offered: Iterable[str]) -> AttributeError:
    """Return what is raised for a name that nobody knows, with the name it is most like."""
    close = difflib.get_close_matches(name, [*offered, *NAMES], n=1)
    hint = f"; did you mean phantom.{close[0]}?" if close else ""
    return AttributeError(f"phantom.{name} is not known{hint}")
