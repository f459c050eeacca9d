"""
What a run began with and what it was told, read from the database into one document.

In: the id of a run. Out: a recording that has no blocks yet: these are played elsewhere.
Never: code of a playbook run, a write, or, unless all is asked for, a secret or a person's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from soar.catalog import Catalog
from soar.domain import case_shapes, shapes
from soar.domain.errors import Conflict
from soar.domain.redaction import Redactor
from soar.engine import delivery, reader
from soar.store.rows import Row
from soar.store.work import Work

FORM, VERSION = "soar recording", 1
KINDS = ("act", "group", "prompt", "playbook", "custom_function")
MOST_ARTIFACTS = 10_000
CALL = (
    "id",
    "action_run_id",
    "action",
    "app",
    "asset",
    "parameters",
    "context",
    "status",
    "message",
    "summary",
    "data",
    "attachment_id",
)
WORD = re.compile(r"[\w.%+-]+")
Document = dict[str, Any]


def record(
    work: Work, run_id: int, catalog: Catalog, *, base_url: str = "", whole: bool = False
) -> tuple[Document, str]:
    """Return what a run was told, and the text of the version that ran."""
    run = work.runs.get(run_id)
    if run["start_time"] is None:
        raise Conflict(f"run {run_id} has not begun: there is nothing to record yet")
    source = work.playbooks.source(run["playbook_id"])
    joins = _told(work, run)
    document = _plain(
        {
            "form": FORM,
            "version": VERSION,
            "redacted": not whole,
            "run": {**_run(work, run), "base_url": base_url},
            **_container(work, run, joins),
            "answers": [_answer(work, join) for join in joins],
            "standing": _standing(work, run, joins),
            "finish": reader.summary(work, run) if run["finishing"] else None,
            "laid": laid(work, run["container_id"], run["playbook"], source, but_of=run_id),
            "assets": assets(work),
        }
    )
    document["actions"] = _plain(list(_actions(document["assets"], catalog)))
    return (document if whole else _redacted(work, document, source)), source


def _plain(value: Any) -> Any:
    """Return a value as JSON keeps it; times as Splunk writes them."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return shapes.stamp(value) if hasattr(value, "astimezone") else str(value)


def _run(work: Work, run: Row) -> Document:
    root = work.families.root(run["id"])
    person = root["run_as"] not in ("", "automation")
    names = ("id", "playbook", "version", "status", "error", "scope", "artifacts_from", "inputs")
    return {
        **{name: run[name] for name in names},
        "container": run["container_id"],
        "started": shapes.stamp(run["start_time"]),
        "ended": shapes.stamp(run["end_time"]),
        "starter": root["run_as"] if person else root["started_by"],
        "shadow": run["shadow"],
    }


def _told(work: Work, run: Row) -> list[Row]:
    """Return what a run was told of, in the order in which it was told."""
    found = [join for kind in KINDS for join in work.state.told(run["id"], kind)]
    cut = run["end_time"] if run["status"] == "cancelled" else None
    own = [j for j in found if j["join_id"] == j["id"] and j["delivered_at"] != cut]
    return sorted(own, key=lambda join: (join["delivered_at"], join["id"]))


def _standing(work: Work, run: Row, joins: list[Row]) -> list[Document]:
    """Return what a run has asked for and not been told of."""
    known = {join["id"] for join in joins}
    rows = [row for row in work.cases.asked_by(run["id"]) if row["join_id"] == row["id"]]
    return [{"kind": r["kind"], "name": r["name"]} for r in rows if r["id"] not in known]


def _container(work: Work, run: Row, joins: list[Row]) -> Document:
    """Return the container and its artifacts as a run began, and which came while it ran."""
    now = work.containers.get(run["container_id"])
    begun = work.state.kept(run["id"], "begun", "container")
    rows = work.containers.artifacts(run["container_id"], MOST_ARTIFACTS)
    others = [row for row in rows if row["run_id"] != run["id"]]
    first = [row for row in others if row["id"] <= run["artifacts_to"]]
    arrived = [row for row in others if row["id"] > run["artifacts_to"]]
    back = {} if begun is None else {"close_time": None, **begun}
    return {
        "container": shapes.container({**now, **back}, first),
        "container_as": "now" if begun is None else "begun",
        "arrived": [
            {"before": before, "artifact": shapes.artifact(row)}
            for row in arrived
            if (before := _before(row, joins)) is not None
        ],
    }


def _before(artifact: Row, joins: list[Row]) -> int | None:
    """Return before which answer an artifact had come; None: after the last one."""
    later = (n for n, j in enumerate(joins) if j["delivered_at"] >= artifact["create_time"])
    return next(later, None)


def _answer(work: Work, join: Row) -> Document:
    """Return what a callback heard, or would have heard if there was one."""
    rows = work.reads.results_of(join["id"])
    event = delivery.event(work, join, frozenset(), rows)
    _, success, _, results, _ = event.positional
    told = {
        **{name: join[name] for name in ("id", "kind", "name", "action", "callback")},
        "success": success,
        "message": join["message"],
    }
    match join["kind"]:
        case "prompt":
            return told | {k: results.get(k) for k in ("responses", "user")}
        case "playbook":
            return told | {"result": dict(results[0])}
        case "custom_function":
            return told | {"rows": [dict(row) for row in results]}
    acts = {row["action_run_id"]: row["action_name"] for row in rows}
    return told | {
        "acts": [{"id": number, "name": name} for number, name in acts.items()],
        "calls": [{name: row[name] for name in CALL} for row in rows],
    }


def laid(work: Work, container_id: int, playbook: str, source: str, *, but_of: int = 0) -> Document:
    """Return what lies around a container: notes, kept values, and the lists that a text names."""
    notes = [n for n in work.cases.notes(container_id) if not but_of or n["run_id"] != but_of]
    lists = {name: work.custom_lists.content(name) for name in _quoted(source)}
    return {
        "notes": [case_shapes.note(row) for row in notes],
        "lists": {name: rows for name, rows in lists.items() if rows is not None},
        "kept": list(_kept(work, container_id, playbook, set(_quoted(source)))),
    }


def _quoted(source: str) -> list[str]:
    """Return the short texts that stand in a program between quotes."""
    found = re.findall(r"""(["'])((?:(?!\1)[^\\\n]){1,200})\1""", source)
    names = [text.removeprefix("custom_list:") for _, text in found]
    return list(dict.fromkeys(names))


def _kept(work: Work, container_id: int, playbook: str, named: set[str]) -> Iterator[list[Any]]:
    """Yield the values kept for a container or a playbook, and for everybody those named."""
    for number, name in ((container_id, ""), (0, playbook), (container_id, playbook), (0, "")):
        for row in work.saved_objects.find("%", container_id=number, playbook=name):
            if number or name or row["key"] in named:
                yield [number, name, row["key"], row["value"]]


def assets(work: Work) -> list[Document]:
    """Return which assets there are: names, nothing of their settings."""
    return [
        {"slug": a.slug, "app": a.app, "disabled": a.disabled, "tenants": list(a.tenants)}
        for a in work.assets.all()
    ]


def _actions(known: list[Document], catalog: Catalog) -> Iterator[Document]:
    """Return what the apps of these assets offer, as far as a plan depends on it."""
    apps = {asset["app"] for asset in known}
    for spec in catalog.actions:
        if spec.app in apps:
            given = [replace(parameter, description="") for parameter in spec.parameters]
            yield asdict(replace(spec, description="", parameters=tuple(given)))


def _redacted(work: Work, document: Document, source: str) -> Document:
    """Return the document with pseudonyms; what the playbook and the house say is no secret."""
    own = set(WORD.findall(source))
    own |= {word for name in ("label", "severity", "status") for word in
            WORD.findall(str(document["container"][name]))}  # fmt: skip
    house = {name: document.pop(name) for name in ("assets", "actions", "form", "version")}
    own |= {a["slug"] for a in house["assets"]} | {a["app"] for a in house["assets"]}
    people = [str(p["username"]) for p in work.people.all()]
    redactor = Redactor(people=people, spared=frozenset(own))
    found: Document = redactor.redact(document)
    return {**house, **found}


def programs(work: Work, source: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of the playbooks and custom functions that a text may call, by name."""
    playbooks: dict[str, str] = {}
    functions: dict[str, str] = {}
    known = {row["name"]: row["id"] for row in work.playbooks.all()}
    every = {row["name"]: row for row in work.functions.all()}
    waiting = [source]
    while waiting:
        words = {text.rpartition("/")[2] for text in _quoted(waiting.pop())}
        for name in words & known.keys() - playbooks.keys():
            playbooks[name] = work.playbooks.source(known[name])
            waiting.append(playbooks[name])
        for name in words & every.keys() - functions.keys():
            functions[name] = work.functions.source(every[name]["id"])
            waiting.append(functions[name])
    return playbooks, functions


def shape_of(work: Work, container_id: int) -> Document:
    """Return a container as it is now."""
    row = work.containers.get(container_id)
    found: Document = _plain(
        shapes.container(row, work.containers.artifacts(container_id, MOST_ARTIFACTS))
    )
    return found
