"""
``import phantom.rules as phantom``: the functions that playbook blocks call.

In: the arguments of Splunk SOAR's playbook API. Out: commands on the desk of the block.
Never: I/O, and no name that silently does nothing: an unknown one says so.
"""

from __future__ import annotations

import json as _json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from soar.domain import commands as _commands
from soar.domain.model import SEVERITY_RANK as _SEVERITIES
from soar.phantom import arguments as _arguments
from soar.phantom import prompts as _prompts
from soar.phantom import targets as _targets
from soar.phantom.desk import desk as _desk

# fmt: off
__all__ = [
    "act", "act_together", "add_artifact", "add_note", "add_tags", "comment", "completed",
    "debug", "error", "get_artifacts", "get_container", "get_current_container_id_",
    "get_run_data", "playbook", "playbook_block", "promote", "prompt", "prompt2",
    "save_playbook_output_data", "save_run_data", "set_label", "set_owner", "set_sensitivity",
    "set_severity", "set_status", "update",
]
# fmt: on

Done = tuple[bool, str]
F = TypeVar("F", bound=Callable[..., Any])


def _container_id(container: Any) -> int:
    if container is None:
        return int(_desk().view.container["id"])
    return int(container["id"] if isinstance(container, Mapping) else container)


def _act_command(
    action: str,
    parameters: Any = None,
    assets: Any = None,
    callback: _arguments.Callback = None,
    handle: Any = None,
    start_time: datetime | None = None,
    name: str | None = None,
    targets: Any = None,
    reviewer: Any = None,
) -> _commands.Act:
    sources, context = _targets.sources(targets, _desk().view.container)
    given = [parameters] if isinstance(parameters, Mapping) else parameters
    return _commands.Act(
        action=" ".join(str(action).lower().split()),
        name=name or str(action),
        parameters=None if given is None else tuple(dict(p) for p in given),
        assets=_arguments.texts(assets),
        sources=sources,
        context=context,
        callback=_arguments.callback_name(callback),
        handle=handle,
        start_time=start_time,
        reviewer=_arguments.reviewers(reviewer),
    )


def act(
    action: str,
    parameters: Any = None,
    assets: Any = None,
    tags: Any = None,
    callback: _arguments.Callback = None,
    reviewer: Any = None,
    handle: Any = None,
    start_time: datetime | None = None,
    name: str | None = None,
    asset_type: Any = None,
    app: Any = None,
    parent_action: Any = None,
    loop_state: Any = None,
    targets: Any = None,
) -> None:
    """
    Run an action once per parameter set and asset; its results go to *callback*.

    *targets* (an artifact, a result or a container) supplies the parameters where none are
    given. *parent_action*, *tags*, *asset_type* and *app* are accepted and not needed.
    *reviewer* is a user or role, or several with commas between, of whom one must agree first.
    *loop_state* is refused: nothing here may look looped and not be.
    """
    if loop_state:
        _refuse("act(loop_state=…)")
    arguments = {
        "action": action,
        "parameters": parameters,
        "assets": assets,
        "start_time": start_time,
        "name": name,
        "reviewer": reviewer,
    }
    if isinstance(targets, list | tuple):
        each = [{**arguments, "targets": target} for target in targets]
        act_together(each, callback=callback, name=name or action, handle=handle)
        return
    _desk().ask(_act_command(**arguments, targets=targets, callback=callback, handle=handle))


def act_together(
    acts: Sequence[Mapping[str, Any]],
    callback: _arguments.Callback = None,
    name: str = "together",
    handle: Any = None,
) -> None:
    """
    Run several actions as one chord: *callback* gets all their results at once.

    Ours, not Splunk's: each element holds the arguments of :func:`act` without a callback.
    """
    _desk().ask(
        _commands.ActTogether(
            name=name,
            acts=tuple(_act_command(**dict(a)) for a in acts),
            callback=_arguments.callback_name(callback),
            handle=handle,
        )
    )


def prompt(
    container: Any = None,
    user: Any = "",
    message: str = "",
    respond_in_mins: int = 30,
    name: str | None = None,
    options: Iterable[str] | Mapping[str, Any] | None = None,
    callback: _arguments.Callback = None,
    handle: Any = None,
    parameters: Any = None,
    role: Any = None,
    separator: str = ", ",
    drop_none: bool = False,
    **_ignored: Any,
) -> None:
    """
    Ask people one thing; *options* are the choices, none allows any text.

    *user*, or else *role*, is a name or a list of names. *parameters* fill ``{0}`` and so on;
    *separator* and *drop_none* say how lists among them are written.
    """
    mapping = isinstance(options, Mapping)
    _desk().ask(
        _prompts.prompt(
            to=user or role or "",
            message=_prompts.filled(message, parameters, separator=separator, drop_none=drop_none),
            minutes=respond_in_mins,
            name=name or "prompt",
            response_types=[{"prompt": "", "options": options}] if mapping else None,
            options=() if mapping else _arguments.texts(options),
            callback=_arguments.callback_name(callback),
            handle=handle,
        )
    )


def prompt2(
    container: Any = None,
    user: Any = "",
    message: str = "",
    respond_in_mins: int = 30,
    name: str | None = None,
    response_types: Sequence[Mapping[str, Any]] | None = None,
    callback: _arguments.Callback = None,
    role: Any = None,
    parameters: Any = None,
    handle: Any = None,
    separator: str = ", ",
    drop_none: bool = False,
    **_ignored: Any,
) -> None:
    """
    Ask people the questions of *response_types*; all are answered at once.

    *user*, or else *role*, is a name, a list of names, ``"event owner"`` or ``"playbook run
    owner"``. *parameters* fill ``{0}`` and so on, as in :func:`prompt`.
    """
    _desk().ask(
        _prompts.prompt(
            to=user or role or "",
            message=_prompts.filled(message, parameters, separator=separator, drop_none=drop_none),
            minutes=respond_in_mins,
            name=name or "prompt",
            response_types=response_types,
            callback=_arguments.callback_name(callback),
            handle=handle,
        )
    )


def playbook(
    playbook: str = "",
    container: Any = None,
    name: str | None = None,
    callback: _arguments.Callback = None,
    inputs: Mapping[str, Any] | None = None,
    handle: Any = None,
    **_ignored: Any,
) -> None:
    """Start another playbook on this container; *callback* is called when it has ended."""
    _desk().ask(
        _commands.CallPlaybook(
            playbook=playbook,
            name=name or playbook,
            inputs=dict(inputs or {}),
            callback=_arguments.callback_name(callback),
            handle=handle,
        )
    )


def playbook_block() -> Callable[[F], F]:
    """Mark a block, as Splunk's newer editor does; it changes nothing."""
    return lambda function: function


def completed(
    action_names: Any = None, playbook_names: Any = None, custom_function_names: Any = None
) -> bool:
    """Tell whether this run has been told of the completion of all these names."""
    if custom_function_names:
        _refuse("completed(custom_function_names=…)")
    names = {*_arguments.texts(action_names), *_arguments.texts(playbook_names)}
    return names <= _desk().view.delivered


def get_artifacts(container_id: Any = None, full_data: bool = False, **_ignored: Any) -> Any:
    """Return the artifacts: a list, or (success, message, list) when *full_data* is asked."""
    number, at = _container_id(container_id), _desk()
    own = number == at.view.container["id"] and not at.added.get(number)
    found = (
        [dict(a) for a in at.view.container["artifacts"]]
        if own
        else [*at.view.reader.artifacts(number), *at.added.get(number, ())]
    )
    return (True, f"{len(found)} artifacts", found) if full_data else found


def get_container(container_id: Any = None) -> dict[str, Any]:
    """Return a container as it is now, with what this block has changed."""
    number, at = _container_id(container_id), _desk()
    own = number == at.view.container["id"]
    found = dict(at.view.container) if own else at.view.reader.container(number)
    return {**found, **at.changes.get(number, {})}


def get_current_container_id_() -> int:
    """Return the id of this run's container."""
    return _container_id(None)


def add_artifact(
    container: Any = None,
    raw_data: Mapping[str, Any] | None = None,
    cef_data: Mapping[str, Any] | None = None,
    label: str | None = None,
    name: str | None = None,
    severity: str | None = None,
    identifier: str | None = None,
    artifact_type: str | None = None,
    **_ignored: Any,
) -> tuple[bool, str, int]:
    """Add an artifact: its fields as one mapping, or as Splunk's separate arguments."""
    number, at, raw = _container_id(container), _desk(), dict(raw_data or {})
    fields = {
        "cef": dict(cef_data or raw.get("cef") or {}),
        "label": label or raw.get("label") or "artifact",
        "name": name or raw.get("name") or "artifact",
        "severity": severity or raw.get("severity") or "medium",
        "type": artifact_type or raw.get("type") or "",
        "source_data_identifier": identifier or raw.get("source_data_identifier") or "",
        "tags": list(raw.get("tags") or ()),
    }
    artifact_id = at.view.reader.new_artifact_id()
    at.added.setdefault(number, []).append({"id": artifact_id, "container": number, **fields})
    at.ask(_commands.AddArtifact(container_id=number, artifact_id=artifact_id, fields=fields))
    return True, "artifact added", artifact_id


def _change(container: Any, **changes: Any) -> Done:
    number, at = _container_id(container), _desk()
    at.changes.setdefault(number, {}).update(changes)
    at.ask(_commands.UpdateContainer(container_id=number, changes=changes))
    return True, "updated"


def set_severity(container: Any = None, severity: str = "", **_ignored: Any) -> Done:
    """Set the severity of a container."""
    if str(severity).lower() not in _SEVERITIES:
        raise ValueError(f"severity {severity!r} is none of {', '.join(_SEVERITIES)}")
    return _change(container, severity=str(severity).lower())


def set_status(container: Any = None, status: str = "", **_ignored: Any) -> Done:
    """Set the status of a container (new, open, closed or one of your own)."""
    return _change(container, status=str(status).lower())


def set_label(container: Any = None, label: str = "", **_ignored: Any) -> Done:
    """Set the label of a container."""
    return _change(container, label=label)


def set_sensitivity(container: Any = None, sensitivity: str = "", **_ignored: Any) -> Done:
    """Set the sensitivity (TLP) of a container."""
    return _change(container, sensitivity=sensitivity)


def set_owner(container: Any = None, user: str = "", role: str = "", **_ignored: Any) -> Done:
    """Set the owner of a container; an empty name clears it."""
    return _change(container, owner_name=user or role)


def add_tags(container: Any = None, tags: Any = None, **_ignored: Any) -> Done:
    """Add tags to a container."""
    now = get_container(_container_id(container)).get("tags", [])
    return _change(container, tags=sorted({*now, *_arguments.texts(tags)}))


def update(container: Any = None, update_data: Mapping[str, Any] | None = None, **_i: Any) -> Done:
    """Change fields of a container; ``custom_fields`` are merged."""
    return _change(container, **dict(update_data or {}))


def promote(container: Any = None, template: str | None = None, **_ignored: Any) -> Done:
    """Promote a container to a case."""
    return _change(container, container_type="case", kind="case", template=template or "")


def comment(container: Any = None, comment: str = "", **_ignored: Any) -> Done:
    """Write a comment on a container."""
    _desk().ask(_commands.AddNote(container_id=_container_id(container), content=str(comment)))
    return True, "comment added"


def add_note(
    container: Any = None,
    note_type: str = "general",
    title: str = "",
    content: str = "",
    note_format: str = "markdown",
    **_ignored: Any,
) -> tuple[bool, str, None]:
    """Write a note on a container."""
    _desk().ask(
        _commands.AddNote(
            container_id=_container_id(container),
            content=content,
            title=title,
            kind=note_type,
            format=note_format,
        )
    )
    return True, "note added", None


def save_run_data(key: str = "", value: str = "", auto: bool = False) -> None:
    """Keep a text for later blocks of this run."""
    text = value if isinstance(value, str) else _json.dumps(value)
    _desk().run_data[key] = text
    _desk().ask(_commands.SaveRunData(key=key, value=text))


def get_run_data(key: str = "") -> str:
    """Return the text kept under a key of this run, or an empty one."""
    at = _desk()
    return at.run_data.get(key, at.view.run_data.get(key, ""))


def save_playbook_output_data(output: Mapping[str, Any] | None = None) -> None:
    """Set the outputs that the calling playbook reads."""
    _desk().ask(_commands.SaveOutputs(values=dict(output or {})))


def debug(message: Any = "") -> None:
    """Write a line into the run's log."""
    _desk().ask(_commands.Log(level="debug", message=str(message)))


def error(message: Any = "") -> None:
    """Write an error line into the run's log; the run goes on."""
    _desk().ask(_commands.Log(level="error", message=str(message)))


def _refuse(what: str) -> NoReturn:
    raise NotImplementedError(f"phantom.{what} is not offered by this release")


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(f"phantom.{name} is not offered by this release")
