"""
Which playbooks a new container starts, and the triggers in the seed's form.

In: a container just added; trigger files. Out: queued runs in the same transaction.
Never: a second run for an alert that was seen before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain.errors import BadInput, NotFound
from soar.domain.model import SEVERITIES, Trigger
from soar.engine.queueing import queue_run
from soar.store.work import Work

EVENTS = ("event_created",)


def fire(work: Work, container_id: int, *, label: str, severity: str) -> list[int]:
    """Queue a run of every playbook whose trigger matches, and return their ids."""
    started = []
    for trigger in work.assets.triggers():
        if not trigger.matches(label, severity):
            continue
        playbook = work.playbooks.newest(trigger.playbook)
        started.append(
            queue_run(
                work,
                container_id=container_id,
                playbook=playbook,
                started_by=f"trigger {trigger.name}",
                run_as=trigger.run_as,
                scope="new",
            )
        )
    return started


def parse(raw: Any) -> Trigger:
    """Read a trigger as people write it, or name the field that cannot be used."""
    if not isinstance(raw, Mapping):
        raise BadInput("trigger", "must be a JSON object")
    playbook = _text(raw, "playbook_name")
    when = raw.get("trigger")
    if not isinstance(when, Mapping):
        raise BadInput("trigger", "must be an object with a type and conditions")
    if when.get("type") not in EVENTS:
        raise BadInput("trigger.type", f"{when.get('type')!r} is none of {', '.join(EVENTS)}")
    conditions = when.get("conditions") or {}
    if not isinstance(conditions, Mapping):
        raise BadInput("trigger.conditions", "must be an object")
    severities = _list(conditions, "severity")
    for value in severities:
        if value not in SEVERITIES:
            raise BadInput(
                "trigger.conditions.severity", f"{value!r} is none of {', '.join(SEVERITIES)}"
            )
    return Trigger(
        name=str(raw.get("name") or playbook),
        playbook=playbook,
        labels=_list(conditions, "label"),
        severities=severities,
        active=bool(raw.get("active", True)),
        run_as=str(raw.get("run_as") or "automation"),
    )


def save(work: Work, trigger: Trigger) -> None:
    """Keep a trigger; its playbook must exist."""
    try:
        work.playbooks.newest(trigger.playbook)
    except NotFound as error:
        raise BadInput("playbook_name", str(error)) from None
    work.assets.save_trigger(trigger)


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(name, "is missing: give the playbook's name")
    return value.strip()


def _list(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = raw.get(name) or []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise BadInput(f"trigger.conditions.{name}", "must be a list of texts")
    return tuple(v.lower() if name == "severity" else v for v in values)
