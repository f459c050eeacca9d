"""
``import phantom.rules as phantom``: the functions that playbook blocks call.

In: the arguments of Splunk SOAR's playbook API. Out: commands on the desk of the block.
Never: I/O, and no name that silently does nothing: an unknown one says so.
"""

from __future__ import annotations

from typing import Any as _Any

from soar.phantom import checks as _checks
from soar.phantom import functions as _functions
from soar.phantom import refused as _refused
from soar.phantom import vault as _vault
from soar.phantom.automation import (
    act,
    act_together,
    completed,
    debug,
    error,
    playbook,
    playbook_block,
    prompt,
    prompt2,
    task,
)
from soar.phantom.cases import (
    add_task,
    add_workbook,
    create_container,
    get_phase,
    get_tasks,
    merge,
    promote,
    set_phase,
)
from soar.phantom.checks import is_ip
from soar.phantom.collecting import (
    collect,
    collect2,
    collect_from_contains,
    concatenate,
    get_action_results,
    get_raw_data,
    get_successful_action_results_v2,
    get_summary,
    parse_errors,
    parse_results,
    parse_success,
)
from soar.phantom.containers import (
    add_artifact,
    attacker_ips,
    close,
    deescalate,
    delete_artifact,
    escalate,
    get_artifact,
    get_artifacts,
    get_container,
    get_current_container_id_,
    set_label,
    set_owner,
    set_sensitivity,
    set_severity,
    set_status,
    update,
    victim_ips,
)
from soar.phantom.deciding import condition, decision
from soar.phantom.files import (
    get_vault_file,
    get_vault_item_info,
    vault_add,
    vault_delete,
    vault_info,
)
from soar.phantom.formatting import format, get_format_data
from soar.phantom.functions import custom_function
from soar.phantom.functions import guarded as _guarded
from soar.phantom.keeping import get_playbook_run_id_, save_block_result
from soar.phantom.lists import (
    add_list,
    check_list,
    datastore_add,
    datastore_get,
    datastore_present,
    datastore_set,
    delete_from_list,
    get_list,
    remove_list,
    set_list,
)
from soar.phantom.loops import LoopState
from soar.phantom.memory import clear_object, get_data, get_object, save_data, save_object
from soar.phantom.notes import (
    add_note,
    add_tag,
    add_tags,
    comment,
    delete_pin,
    get_notes,
    get_tags,
    pin,
    remove_tags,
    update_pin,
)
from soar.phantom.rundata import get_run_data, save_playbook_output_data, save_run_data
from soar.phantom.tools import (
    actions_done,
    address_in_network,
    build_phantom_rest_url,
    discontinue,
    get_apps,
    get_assets,
    get_base_url,
    get_effective_user,
    get_phantom_home,
    get_playbook_info,
    get_rest_base_url,
    render_template,
    set_action_limit,
    valid_ip,
    valid_net,
)
from soar.phantom.web import requests as requests

# fmt: off
__all__ = [
    "LoopState", "Vault", "act", "act_together", "actions_done", "add_artifact", "add_list",
    "add_note",
    "add_tag", "add_tags", "add_task", "add_workbook", "address_in_network", "attacker_ips",
    "build_phantom_rest_url", "check_list", "clear_object", "close", "collect", "collect2",
    "collect_from_contains", "comment", "completed", "concatenate", "condition", "create_container",
    "custom_function",
    "datastore_add", "datastore_get", "datastore_present", "datastore_set", "debug", "decision",
    "deescalate", "delete_artifact", "delete_from_list", "delete_pin", "discontinue", "error",
    "escalate", "format", "get_action_results", "get_apps", "get_artifact", "get_artifacts",
    "get_assets", "get_base_url", "get_container", "get_current_container_id_", "get_data",
    "get_effective_user", "get_format_data", "get_list", "get_notes", "get_object",
    "get_phantom_home", "get_phase", "get_playbook_info", "get_playbook_run_id_", "get_raw_data",
    "get_rest_base_url", "get_run_data", "get_successful_action_results_v2", "get_summary",
    "get_tags", "get_tasks",
    "get_vault_file", "get_vault_item_info", "is_ip", "merge", "parse_errors", "parse_results",
    "parse_success", "pin", "playbook", "playbook_block", "promote", "prompt", "prompt2",
    "remove_list", "remove_tags", "render_template", "save_block_result", "save_data",
    "save_object", "save_playbook_output_data", "save_run_data", "set_action_limit", "set_label",
    "set_list", "set_owner", "set_phase", "set_sensitivity", "set_severity", "set_status", "task",
    "update", "update_pin", "valid_ip", "valid_net", "vault_add", "vault_delete", "vault_info",
    "victim_ips",
]
# fmt: on
globals().update(_guarded(globals()))

utils, vault = _checks, _vault
Vault = _vault.Vault


def __getattr__(name: str) -> _Any:
    if name in _refused.NAMES:
        refused = _refused.refused(name)
        return _functions.guard(name, refused) if name in _functions.GUARDED else refused
    raise _refused.unknown(name, __all__)
