"""
Splunk's playbook automation API: acts, prompts, other playbooks, joins, the run's log.

In: the arguments that playbooks write. Out: commands on the desk of the block.
Never: I/O, or a block that waits: what is asked here begins when the block has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from soar.domain import commands
from soar.domain.errors import BadInput
from soar.phantom import arguments, containers, loops, prompts, spending
from soar.phantom.desk import desk
from soar.phantom.targets import sources as sources_of

F = TypeVar("F", bound=Callable[..., Any])


def _act_command(
    action: str,
    parameters: Any = None,
    assets: Any = None,
    callback: arguments.Callback = None,
    handle: Any = None,
    start_time: datetime | None = None,
    name: str | None = None,
    targets: Any = None,
    reviewer: Any = None,
    loop_state: Any = None,
    tags: Any = None,
    asset_type: Any = None,
    app: Any = None,
) -> commands.Act:
    sources, context = sources_of(targets, desk().view.container)
    sets, wrong = _parameter_sets(parameters)
    narrowed = _unknown_here(tags=tags, asset_type=asset_type) or _nameless(assets=assets, app=app)
    state = loops.read(loop_state) or None
    return commands.Act(
        action=" ".join(str(action).lower().split()),
        name=name or str(action),
        parameters=sets,
        assets=arguments.names(assets),
        app=_app(app),
        sources=sources,
        context=context,
        callback=arguments.callback_name(callback),
        handle=handle,
        start_time=loops.begins_at(state, _with_zone(start_time)),
        reviewer=arguments.reviewers(reviewer),
        loop_state=state,
        refused=spending.refusal() or wrong or narrowed,
    )


def _parameter_sets(given: Any) -> tuple[tuple[dict[str, Any], ...] | None, str]:
    """Return the parameter sets of an act; none, and a sentence, where one is no mapping."""
    if given is None:
        return None, ""
    listed = [given] if isinstance(given, Mapping | str | bytes) else given
    sets = list(listed) if isinstance(listed, Iterable) else [given]
    for one in sets:
        if not isinstance(one, Mapping):
            return (), f"parameters: each set must be a mapping, not {type(one).__name__}"
    return tuple(dict(one) for one in sets), ""


def _unknown_here(**given: Any) -> str:
    """Say that assets cannot be chosen by what they do not have."""
    for name, value in given.items():
        if value:
            return f"{name}: assets have no {name} here, so none is chosen by it; name its assets"
    return ""


def _nameless(*, assets: Any, app: Any) -> str:
    """Say that what is to narrow an act down names nothing; else it would reach every asset."""
    if assets and not arguments.names(assets):
        return "assets: the list names no asset"
    return f"app: {str(app)[:80]!r} names no app" if app and not _app(app) else ""


def _app(given: Any) -> str:
    """Return the name of an app: a text, or what stands under ``name`` in a mapping."""
    found = given.get("name") if isinstance(given, Mapping) else given
    return found.strip() if isinstance(found, str) else ""


def _with_zone(start_time: Any) -> datetime | None:
    """Return a start time with a zone: without one it is of this process, as ``now()`` is."""
    if start_time is None:
        return None
    if not isinstance(start_time, datetime):
        raise BadInput("start_time", f"must be a datetime, not {type(start_time).__name__}")
    return start_time.astimezone(UTC) if start_time.utcoffset() is None else start_time


def act(
    action: str,
    parameters: Any = None,
    assets: Any = None,
    tags: Any = None,
    callback: arguments.Callback = None,
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
    given. *app* is the only app whose assets may act: its name, or a mapping with its ``name``.
    *tags* and *asset_type* fail the act: assets have neither here. *parent_action* is not needed.
    *reviewer* is a user or role, or several with commas between, of whom one must agree first.
    *loop_state* is what ``LoopState.to_json`` gave: the callback gets it as ``loop_state_json``,
    and from the second iteration on the act begins after the loop's ``delay_time``.
    """
    arguments = {
        "action": action,
        "parameters": parameters,
        "assets": assets,
        "start_time": start_time,
        "name": name,
        "reviewer": reviewer,
        "loop_state": loop_state,
        "tags": tags,
        "asset_type": asset_type,
        "app": app,
    }
    if isinstance(targets, list | tuple):
        each = [{**arguments, "targets": target} for target in targets]
        act_together(each, callback=callback, name=name or action, handle=handle)
        return
    desk().ask(_act_command(**arguments, targets=targets, callback=callback, handle=handle))


def act_together(
    acts: Sequence[Mapping[str, Any]],
    callback: arguments.Callback = None,
    name: str = "together",
    handle: Any = None,
) -> None:
    """
    Run several actions as one chord: *callback* gets all their results at once.

    Ours, not Splunk's: each element holds the arguments of :func:`act` without a callback.
    """
    desk().ask(
        commands.ActTogether(
            name=name,
            acts=tuple(_act_command(**dict(a)) for a in acts),
            callback=arguments.callback_name(callback),
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
    callback: arguments.Callback = None,
    handle: Any = None,
    parameters: Any = None,
    role: Any = None,
    separator: str = ", ",
    drop_none: bool = False,
    **_ignored: Any,
) -> None:
    """
    Ask people one thing; *options* are the choices, none allows any text.

    *user*, or else *role*, is a name or a list of names. *parameters* fill ``{0}`` and so on, as
    in :func:`format`.
    """
    mapping = isinstance(options, Mapping)
    desk().ask(
        prompts.prompt(
            to=user or role or "",
            message=prompts.filled(
                message,
                parameters,
                container=container,
                separator=separator,
                drop_none=drop_none,
            ),
            minutes=respond_in_mins,
            name=name or "prompt",
            response_types=[{"prompt": "", "options": options}] if mapping else None,
            options=() if mapping else arguments.texts(options),
            callback=arguments.callback_name(callback),
            handle=handle,
        )
    )


def task(
    container: Any = None,
    user: Any = "",
    message: str = "",
    respond_in_mins: int = 30,
    name: str | None = None,
    callback: arguments.Callback = None,
    handle: Any = None,
    parameters: Any = None,
    role: Any = None,
    **_ignored: Any,
) -> None:
    """
    Ask people to do something by hand; their answer is any text, as of :func:`prompt`.

    It is no task of a workbook: that is ``add_task``.
    """
    prompt(
        container=container,
        user=user,
        message=message,
        respond_in_mins=respond_in_mins,
        name=name or "task",
        callback=callback,
        handle=handle,
        parameters=parameters,
        role=role,
    )


def prompt2(
    container: Any = None,
    user: Any = "",
    message: str = "",
    respond_in_mins: int = 30,
    name: str | None = None,
    response_types: Sequence[Mapping[str, Any]] | None = None,
    callback: arguments.Callback = None,
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
    owner"``. *parameters* fill ``{0}`` and so on, as in :func:`format`.
    """
    desk().ask(
        prompts.prompt(
            to=user or role or "",
            message=prompts.filled(
                message,
                parameters,
                container=container,
                separator=separator,
                drop_none=drop_none,
            ),
            minutes=respond_in_mins,
            name=name or "prompt",
            response_types=response_types,
            callback=arguments.callback_name(callback),
            handle=handle,
        )
    )


def playbook(
    playbook: str = "",
    container: Any = None,
    name: str | None = None,
    callback: arguments.Callback = None,
    inputs: Mapping[str, Any] | None = None,
    handle: Any = None,
    loop_state: Any = None,
    inherit_scope: bool = True,
    **_ignored: Any,
) -> int:
    """
    Start another playbook and return the id of its run; *callback* is called when it has ended.

    *playbook* is a name, with its repository before it or without. *inputs* are what the other
    one reads as ``playbook_input:``; what it saves is read as ``<name>:playbook_output:``. From the
    second iteration of a *loop_state* on it begins after the loop's ``delay_time``. With
    *inherit_scope* it reads the artifacts that this run reads, else all of its container.
    """
    at, state = desk(), loops.read(loop_state) or None
    number = containers.container_id_of(container)
    run_id = at.view.reader.new_run_id()
    at.ask(
        commands.CallPlaybook(
            playbook=str(playbook),
            name=name or str(playbook),
            inputs=dict(inputs or {}),
            callback=arguments.callback_name(callback),
            handle=handle,
            run_id=run_id,
            container_id=None if number == at.view.container["id"] else number,
            loop_state=state,
            start_time=loops.begins_at(state, None),
            inherit_scope=bool(inherit_scope),
        )
    )
    return run_id


def playbook_block() -> Callable[[F], F]:
    """Mark a block, as Splunk's newer editor does; it changes nothing."""
    return lambda function: function


def completed(
    action_names: Any = None,
    playbook_names: Any = None,
    custom_function_names: Any = None,
    trace: bool = False,
) -> bool:
    """
    Tell whether this run has been told of the completion of all these names.

    What was started several times under one name has completed when all of it has; a loop, when
    it has ended. What this block has started itself has not.
    """
    asked = {
        "action": action_names,
        "playbook": playbook_names,
        "custom_function": custom_function_names,
    }
    wanted = {(kind, str(name)) for kind, names in asked.items() for name in _each(names)}
    at = desk()
    started = (told for command in at.commands for told in commands.told_as(command))
    return wanted <= at.view.delivered.difference(started)


def _each(names: Any) -> Iterable[Any]:
    return [names] if isinstance(names, str) else names or ()


def debug(message: Any = "") -> None:
    """Write a line into the run's log."""
    desk().ask(commands.Log(level="debug", message=str(message)))


def error(message: Any = "") -> None:
    """Write an error line into the run's log; the run goes on."""
    desk().ask(commands.Log(level="error", message=str(message)))
