"""
Playbook runs: listed, looked at with their log, and queued.

In: a container and a playbook. Out: Splunk's shapes; times as numbers in the seed's form.
Never: a run of a playbook or container that does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.nouns import RUN_LOG, RUNS
from soar.api.permissions import RUN, of
from soar.api.playbook_nouns import PLAYBOOK_VERSIONS
from soar.cancellation import cancel
from soar.domain import scope as scopes
from soar.domain import shapes
from soar.domain.errors import BadInput, NotFound
from soar.engine.queueing import queue_run
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

When = Callable[[datetime | None], float | str | None]

REPOSITORY = "local"
ASKED = ("container_id", "container", "playbook_id", "scope", "run", "inputs")


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    needs = of("containers", post=RUN)
    return [
        route(house, "/rest/playbook_run", needs=needs, get=page, post=start),
        route(house, "/rest/playbook_run/{id}", needs=needs, get=one, post=change),
        route(house, "/rest/playbook_run/{id}/log", needs=needs, get=log),
    ]


def shape(row: Row, when: When = shapes.stamp) -> Shape:
    """Return a run, its times written as *when* writes them."""
    return {
        "id": row["id"],
        "status": row["status"],
        "playbook": row["playbook_id"],
        "playbook_name": row["playbook_name"],
        "container": row["container_id"],
        "message": _message(row),
        "create_time": when(row["create_time"]),
        "start_time": when(row["start_time"]),
        "end_time": when(row["end_time"]),
        "update_time": when(row["update_time"]),
        "auto_resolved": row["auto_resolved"],
        "shadow": row["shadow"],
        "beside": row["beside"],
        "owner": row["started_by"],
        "effective_user": row["run_as"],
        "run_as": row["run_as"],
        "inputs": row["inputs"],
        "outputs": row["outputs"],
        "parent_run": row["parent_run"],
        "version": row["playbook_version"],
        "cancelled": row["status"] == "cancelled",
        "misc": {"scope": row["scope"], "parent_playbook_run": row["parent_run"]},
    }


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _message(row: Mapping[str, Any]) -> str:
    """Return what a run says of itself: a text that holds JSON, as clients expect."""
    name = f"{REPOSITORY}/{row['playbook_name']}"
    return json.dumps(
        {
            "message": row["error"],
            "name": f"{name}(id={row['playbook_id']}) playbook_run_id:{row['id']}",
            "playbook": name,
            "playbook_run_id": row["id"],
            "status": row["status"],
        },
        ensure_ascii=False,
    )


def page(call: Call) -> Shape:
    """Return a page of runs; in the form of the call with ``filter=``, times are numbers."""
    asked_in_seeds_form = any(name == "filter" for name, _ in call.parameters)
    when: When = _seconds if asked_in_seeds_form else shapes.stamp
    return call.envelope(RUNS, partial(shape, when=when))


def one(call: Call) -> Shape:
    """Return one run."""
    return shape(call.one(RUNS))


def log(call: Call) -> Shape:
    """Return the log of a run."""
    call.one(RUNS)
    return call.within("playbook_run_id").envelope(RUN_LOG, log_shape)


def log_shape(row: Row) -> Shape:
    """Return one line of a log; type 0 is an error."""
    return {
        "id": row["id"],
        "playbook_run": row["run_id"],
        "time": shapes.stamp(row["time"]),
        "level": row["level"],
        "message_type": row["message_type"],
        "block": row["block"],
        "message": row["message"],
    }


def start(call: Call) -> Shape:
    """Queue a run of a playbook on a container."""
    raw = bodies.an_object(call.body)
    _check(raw)
    container_id = bodies.number(raw, "container_id", "container")
    call.container(container_id)
    playbook = _playbook(call, raw.get("playbook_id"))
    run_id = queue_run(
        call.work,
        container_id=container_id,
        playbook=playbook,
        started_by=call.person.username,
        run_as=call.person.username,
        scope=scopes.parse(raw.get("scope", "all")),
    )
    call.work.audit(
        call.person.username,
        "playbook run",
        {"run": run_id, "playbook": playbook["name"], "container": container_id},
    )
    return {"playbook_run_id": str(run_id), "received": True, "success": True}


def _check(raw: Mapping[str, Any]) -> None:
    """Refuse what a run could not honour."""
    bodies.only(raw, ASKED)
    if raw.get("run", True) is not True:
        raise BadInput("run", "must be true: a run can only be started")
    scopes.parse(raw.get("scope", "all"))
    if raw.get("inputs") not in (None, {}, "", "{}"):
        raise BadInput("inputs", "cannot be given here: only a playbook calls another with inputs")


def _playbook(call: Call, wanted: Any) -> Row:
    """Return the newest version of the playbook that an id or a name means."""
    name = wanted
    try:
        if not isinstance(wanted, str) or wanted.isdigit():
            number = bodies.number({"playbook_id": wanted}, "playbook_id")
            name = call.one(PLAYBOOK_VERSIONS, number)["name"]
        return call.work.playbooks.newest(str(name))
    except NotFound:
        raise NotFound(f'Playbook "{str(wanted)[:80]}" not found') from None


def change(call: Call) -> Shape:
    """Cancel a run, as Splunk's ``{"cancel": true}`` does."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("cancel", "reason"))
    if raw.get("cancel") is not True:
        raise BadInput("cancel", "must be true: nothing else of a run can be changed")
    number = int(call.one(RUNS)["id"])
    ids = cancel(call.work, number, by=call.person.username, reason=str(raw.get("reason") or ""))
    return {"success": True, "cancelled": ids}
