"""
Splunk's data access API: rows of datapaths, and results in the forms that playbooks take apart.

In: datapaths, a container, results. Out: plain lists and mappings.
Never: I/O, or an exception over a datapath that leads nowhere: there it is None.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from soar.domain import cef
from soar.phantom import arguments
from soar.phantom.containers import container_id_of, get_container
from soar.phantom.desk import desk
from soar.phantom.reading import Reading

LIMIT = 2000
"""So many rows a call returns, unless it asks for more or fewer."""


def collect2(
    container: Any = None,
    action_results: Any = None,
    datapath: Any = None,
    filter_artifacts: Any = None,
    tags: Any = None,
    scope: Any = None,
    limit: int | None = None,
    **_ignored: Any,
) -> list[list[Any]]:
    """
    Return rows with one value per datapath, in the order given; a missing value is None.

    One row per artifact, or per element of a result that a wildcard reaches. *action_results* are
    used where one of them has the datapath's name; otherwise the run's own. *scope* is ``all``,
    ``new`` or a list of artifact ids; None is the run's. *limit* None is 2000 rows.
    """
    reading = Reading(
        container=container,
        results=action_results,
        scope=scope,
        artifacts=filter_artifacts,
        tags=arguments.texts(tags),
    )
    return _rows(reading, arguments.texts(datapath), limit)


def _rows(reading: Reading, paths: Iterable[str], limit: int | None) -> list[list[Any]]:
    most = limit if isinstance(limit, int) and limit > 0 else LIMIT
    known = [reading.path(text) for text in paths]
    if not known:
        return []
    rows = reading.rows(known)
    found = list(islice(rows, most))
    if limit is None and len(found) == most and next(rows, None) is not None:
        desk().warn(f"a datapath has more than {most:,} rows: they are cut there; see limit=")
    return found


def collect(
    container: Any = None,
    datapath: Any = None,
    scope: Any = None,
    limit: int | None = None,
    none_if_first: bool = False,
    **_ignored: Any,
) -> list[Any]:
    """
    Return the values of one datapath as a flat list, or of a list of them as rows.

    The first argument is a container, or the results of a callback. With *none_if_first*, rows
    whose first value is missing are left out.
    """
    reading = Reading(scope=scope)
    if isinstance(container, list | tuple) or "action_results" in _keys(container):
        reading.results = container
    else:
        reading.container = container
    rows = _rows(reading, arguments.texts(datapath), limit)
    if none_if_first:
        rows = [row for row in rows if row[0] is not None]
    return [row[0] for row in rows] if isinstance(datapath, str) else rows


def _keys(value: Any) -> Iterable[Any]:
    return value.keys() if isinstance(value, Mapping) else ()


def collect_from_contains(
    container: Any = None,
    action_results: Any = None,
    contains: Any = None,
    include_params: bool = True,
    scope: Any = None,
    filter_artifacts: Any = None,
    tags: Any = None,
    limit: int | None = None,
    **_ignored: Any,
) -> list[Any]:
    """
    Return once each value of a container's artifacts that is of one of the kinds *contains*.

    A field's kinds are those that its artifact names (``cef_types``), else those that CEF gives a
    field of its name. With *action_results* and *include_params*, values of their parameters are
    told by the name of the parameter.
    """
    wanted = {kind.lower() for kind in arguments.texts(contains)}
    reading = Reading(container=container, scope=scope, artifacts=filter_artifacts)
    reading.tags = arguments.texts(tags)
    sources = [artifact for (artifact,) in _rows(reading, ("artifact:*",), limit)]
    if include_params:
        sources += [{"cef": each.get("parameter")} for each in _single(action_results)]
    return _once(value for source in sources for value in _of_kinds(source, wanted))


def _of_kinds(source: Any, wanted: set[str]) -> Iterable[Any]:
    given = source.get("cef") if isinstance(source, Mapping) else None
    for name, kinds in cef.types_of(source).items() if given else ():
        value = (given or {}).get(name)
        if value not in (None, "") and wanted & {kind.lower() for kind in kinds}:
            yield from value if isinstance(value, list) else [value]


def get_action_results(
    app_run_id: Any = None,
    action_run_id: Any = None,
    result_data: bool = True,
    action_name: str | None = None,
    flatten: bool = True,
    **_ignored: Any,
) -> list[dict[str, Any]]:
    """
    Return results of this run: of an app run, an action run or an action's name, or all of them.

    With *flatten*, one element per single result, with its ``action``, ``asset`` and ids beside
    its ``data``; without, one per app run as callbacks get them. *result_data* False leaves the
    data out.
    """
    found = desk().view.reader.action_results(
        action_name, action_run_id=action_run_id, app_run_id=app_run_id
    )
    if flatten:
        found = [_flat(outer, inner) for outer in found for inner in outer["action_results"]]
    if result_data:
        return found
    return [_without_data(result) for result in found]


def _flat(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in outer.items() if k != "action_results"} | dict(inner)


def _without_data(result: Mapping[str, Any]) -> dict[str, Any]:
    bare = {k: v for k, v in result.items() if k != "data"}
    if "action_results" in bare:
        bare["action_results"] = [_without_data(each) for each in bare["action_results"]]
    return bare


def _single(results: Any, *, succeeded: bool | None = None) -> list[dict[str, Any]]:
    """Return the single results inside those of a callback, all or by how they ended."""
    outers = [r for r in results or () if isinstance(r, Mapping)]
    inners = [inner for outer in outers for inner in outer.get("action_results") or ()]
    return [
        dict(each)
        for each in inners
        if succeeded is None or (each.get("status") == "success") is succeeded
    ]


def parse_results(results: Any = None, **_ignored: Any) -> list[dict[str, Any]]:
    """Return every single result of a callback's *results* as one flat list."""
    return _single(results)


def parse_success(results: Any = None, **_ignored: Any) -> list[Any]:
    """Return the rows of data of all results that succeeded, as one flat list."""
    return [row for each in _single(results, succeeded=True) for row in each.get("data") or ()]


def parse_errors(results: Any = None, **_ignored: Any) -> list[dict[str, Any]]:
    """Return the single results that failed, each with its message."""
    return _single(results, succeeded=False)


def get_successful_action_results_v2(results: Any = None, **_ignored: Any) -> list[dict[str, Any]]:
    """Return the single results that succeeded, with their data, as Splunk 1.x did."""
    return _single(results, succeeded=True)


def get_summary(**_ignored: Any) -> dict[str, Any]:
    """Return what the actions of this run came to: ``result`` holds one element per action run."""
    runs: dict[Any, dict[str, Any]] = {}
    for result in desk().view.reader.action_results():
        number = result["action_run_id"]
        shared = {k: result[k] for k in ("action_run_id", "action", "name", "status", "message")}
        one = runs.setdefault(number, {**shared, "app_runs": []})
        if result["status"] == "success":
            one["status"] = "success"
        if "app_run_id" in result:
            one["app_runs"].append(_without_data(_flat(result, result["action_results"][0])))
    return {"result": list(runs.values())}


def get_raw_data(container: Any = None, **_ignored: Any) -> str:
    """Return the JSON text of what the source sent with a container (its ``data``)."""
    return json.dumps(get_container(container_id_of(container)).get("data") or {})


def concatenate(*lists: Any, dedup: bool = False, **_ignored: Any) -> list[Any]:
    """Return one list of all lists and single values; with *dedup*, each value once."""
    found: list[Any] = []
    for each in lists:
        found.extend(each if isinstance(each, list | tuple) else [each])
    return _once(found) if dedup else found


def _once(values: Iterable[Any]) -> list[Any]:
    """Return each value the first time it comes; 1 and true are two values."""
    known: dict[str, Any] = {}
    for value in values:
        known.setdefault(json.dumps(value, sort_keys=True, default=repr), value)
    return list(known.values())
