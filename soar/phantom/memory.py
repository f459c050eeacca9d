"""
What playbooks keep beyond a run: for a container, a playbook, or everybody.

In: keys and JSON values. Out: values, and commands on the desk.
Never: a value before the block has ended; what the block itself has kept it reads at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

from soar.domain.changes import ClearObjects, SaveObject
from soar.domain.errors import BadInput
from soar.phantom.desk import desk

KEPT = "kept"
Place = tuple[int, str]
EVERYBODY: Place = (0, "")


def save_data(value: Any, key: Any = None, use_filesystem: bool = False) -> str:
    """Keep a value under a key, for all runs; without a key one is made. Return the key."""
    name = str(uuid4()) if key in (None, "") else str(key)
    _save(name, value, EVERYBODY, ends=False)
    return name


def get_data(key: Any = "", clear_data: bool = True, use_filesystem: bool = False) -> Any:
    """Return what was kept under a key, or None; unless *clear_data* is off it is kept no more."""
    found = next((o["value"] for o in _objects(str(key), EVERYBODY) if o["key"] == str(key)), None)
    if clear_data and found is not None:
        _clear(str(key), EVERYBODY)
    return found


def save_object(
    key: Any = None,
    value: Any = None,
    auto_delete: bool = True,
    container_id: Any = None,
    playbook_name: Any = None,
    repo_name: Any = None,
    trace: bool = False,
) -> None:
    """
    Keep a value under a key, for a container, a playbook, or both.

    *auto_delete* removes it when its container is closed. *repo_name* is accepted: playbooks are
    known by their names.
    """
    place = _place(container_id, playbook_name)
    _save(str(key), value, place, ends=bool(auto_delete and place[0]))


def get_object(
    key: Any = None,
    clear_data: bool = False,
    container_id: Any = None,
    playbook_name: Any = None,
    repo_name: Any = None,
    trace: bool = False,
) -> list[dict[str, Any]]:
    """Return what was kept, as a list of ``{"key": …, "value": …}``; ``%`` in a key is anything."""
    place = _place(container_id, playbook_name)
    found = _objects(str(key), place)
    if clear_data and found:
        _clear(str(key), place)
    return found


def clear_object(
    key: Any = None,
    container_id: Any = None,
    playbook_name: Any = None,
    repo_name: Any = None,
    trace: bool = False,
) -> None:
    """Remove what was kept under a key; ``%`` in it is anything."""
    _clear(str(key), _place(container_id, playbook_name))


def _place(container_id: Any, playbook: Any) -> Place:
    if not container_id and not playbook:
        raise BadInput("container_id", "or playbook_name must be given: whose object is it?")
    return int(container_id or 0), str(playbook or "").rpartition("/")[2]


def _save(key: str, value: Any, place: Place, *, ends: bool) -> None:
    container_id, playbook = place
    desk().pending[KEPT][(place, key)] = value
    desk().ask(
        SaveObject(
            key=key,
            value=value,
            container_id=container_id,
            playbook=playbook,
            ends_with_container=ends,
        )
    )


def _clear(key: str, place: Place) -> None:
    for found in _objects(key, place):
        desk().pending[KEPT][(place, found["key"])] = None
    desk().ask(ClearObjects(key=key, container_id=place[0], playbook=place[1]))


def _objects(key: str, place: Place) -> list[dict[str, Any]]:
    """Return what a block sees of kept values: what is in the store, and what it has changed."""
    container_id, playbook = place
    records = desk().view.reader.records
    stored = records.objects(key, container_id=container_id, playbook=playbook)
    found = {o["key"]: o["value"] for o in stored} | dict(_pending(key, place))
    told = {"container_id": container_id or None, "playbook_name": playbook}
    return [{"key": k, "value": v, **told} for k, v in sorted(found.items()) if v is not None]


def _pending(key: str, place: Place) -> Iterator[tuple[str, Any]]:
    pattern = key.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]").replace("%", "*")
    for (at, name), value in desk().pending[KEPT].items():
        if at == place and fnmatchcase(name, pattern):
            yield name, value
