"""
``import phantom.rules as phantom``: the functions that playbook blocks call.

In: the arguments of Splunk SOAR's playbook API. Out: commands on the desk of the block.
Never: I/O, and no name that silently does nothing: an unknown one says so.
"""

from __future__ import annotations

from typing import NoReturn as _NoReturn

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
)
from soar.phantom.collecting import (
    collect,
    collect2,
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
    add_note,
    add_tags,
    comment,
    get_artifacts,
    get_container,
    get_current_container_id_,
    promote,
    set_label,
    set_owner,
    set_sensitivity,
    set_severity,
    set_status,
    update,
)
from soar.phantom.deciding import condition, decision
from soar.phantom.formatting import format, get_format_data
from soar.phantom.functions import custom_function
from soar.phantom.functions import guarded as _guarded
from soar.phantom.keeping import get_playbook_run_id_, save_block_result
from soar.phantom.loops import LoopState
from soar.phantom.rundata import get_run_data, save_playbook_output_data, save_run_data

# fmt: off
__all__ = [
    "LoopState", "act", "act_together", "add_artifact", "add_note", "add_tags", "collect",
    "collect2", "comment", "completed", "concatenate", "condition", "custom_function", "debug",
    "decision", "error", "format", "get_action_results", "get_artifacts", "get_container",
    "get_current_container_id_", "get_format_data", "get_playbook_run_id_", "get_raw_data",
    "get_run_data", "get_successful_action_results_v2", "get_summary", "parse_errors",
    "parse_results", "parse_success", "playbook", "playbook_block", "promote", "prompt", "prompt2",
    "save_block_result", "save_playbook_output_data", "save_run_data", "set_label", "set_owner",
    "set_sensitivity", "set_severity", "set_status", "update",
]
# fmt: on
globals().update(_guarded(globals()))


def __getattr__(name: str) -> _NoReturn:
    raise AttributeError(f"phantom.{name} is not offered by this release")
