"""
Custom functions: how a block calls one, and what one may not call itself.

In: the arguments that playbooks write. Out: a command on the desk of the block.
Never: a custom function that runs here, or one that steers its playbook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from soar.domain import commands
from soar.domain.errors import BadInput
from soar.phantom import arguments, formatting, loops
from soar.phantom.desk import Desk, NoBlock, desk

REFUSED = frozenset(
    {
        "act",
        "act_together",
        "actions_done",
        "completed",
        "condition",
        "custom_function",
        "decision",
        "discontinue",
        "get_apps",
        "get_assets",
        "get_data",
        "get_extra_data",
        "get_raw_data",
        "get_summary",
        "playbook",
        "prompt",
        "prompt2",
        "save_block_result",
        "save_data",
        "save_playbook_output_data",
        "save_run_data",
        "set_action_limit",
        "task",
    }
)
"""What steers a playbook: called inside a custom function it raises."""
SILENT = frozenset({"save_object", "get_object", "clear_object", "set_parent_handle"})
"""What does nothing inside a custom function, and returns None."""
KNOWN_ONLY = frozenset(
    {
        "get_run_data",
        "get_format_data",
        "get_action_results",
        "get_filtered_data",
        "get_custom_function_results",
    }
)
"""What raises inside a custom function where nothing is known under the name."""
GUARDED = REFUSED | SILENT | KNOWN_ONLY


def custom_function(
    custom_function: str = "",
    parameters: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
    name: str | None = None,
    callback: arguments.Callback = None,
    handle: Any = None,
    loop_state: Any = None,
    **_ignored: Any,
) -> None:
    """
    Run a custom function (``"repository/name"``) once per mapping of *parameters*.

    *callback* is called when all of them have ended, also where there are none. From the second
    iteration of a *loop_state* on they are run after the loop's ``delay_time``.
    """
    state = loops.read(loop_state) or None
    desk().ask(
        commands.CallFunction(
            function=str(custom_function),
            name=name or str(custom_function).rpartition("/")[2],
            parameters=_mappings(parameters),
            callback=arguments.callback_name(callback),
            handle=handle,
            loop_state=state,
            start_time=loops.begins_at(state, None),
        )
    )


def _mappings(given: Any) -> tuple[dict[str, Any], ...]:
    each = [given] if isinstance(given, Mapping) else given or []
    if isinstance(each, str) or not isinstance(each, Sequence):
        raise BadInput("parameters", f"must be a list of mappings, not {type(given).__name__}")
    for one in each:
        if not isinstance(one, Mapping):
            raise BadInput("parameters", f"must hold mappings, not {str(one)[:80]!r}")
    return tuple(dict(one) for one in each)


def guarded(face: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return those functions of the face that behave differently inside a custom function."""
    return {name: guard(name, face[name]) for name in sorted(GUARDED & face.keys())}


def guard(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the face as it behaves in a block, and in a custom function."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        inside = _inside()
        if inside is None:
            return function(*args, **kwargs)
        if name in REFUSED:
            raise RuntimeError(
                f"phantom.{name} cannot be called inside a custom function ({inside.function})"
            )
        if name in SILENT:
            return None
        found = function(*args, **kwargs)
        if not found and not _is_known(inside, name, [*args, *kwargs.values()]):
            raise ValueError(f"phantom.{name}: nothing is known under {[*args, *kwargs.values()]}")
        return found

    return call


def _is_known(at: Desk, name: str, given: Sequence[Any]) -> bool:
    """Tell whether something is kept under a name, though it is empty."""
    key = str(given[0]) if given else ""
    if name == "get_run_data":
        return key in at.run_data or key in at.view.run_data
    return name == "get_format_data" and formatting.is_kept(key)


def _inside() -> Desk | None:
    """Return the desk, if a custom function sits at it."""
    try:
        at = desk()
    except NoBlock:
        return None
    return at if at.function else None
