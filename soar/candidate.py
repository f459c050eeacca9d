"""
A candidate: a version of a playbook that runs in shadow beside the live one, and is compared.

In: a playbook file, then the runs of both. Out: per alert both verdicts, what the live run did,
what the candidate would have done. Never: a container or a person that hears of a candidate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from soar import library
from soar.catalog import ActionSpec, Catalog
from soar.domain import shapes, verdict
from soar.domain.errors import BadInput, NotFound
from soar.domain.shadow import PREFIX
from soar.library import PlaybookFile
from soar.store.rows import Row
from soar.store.work import Work

WOULD = "would have"


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """What one of the two runs came to."""

    run: int
    status: str
    error: str
    verdict: str
    writes: Mapping[str, str]
    """Each write it wanted, and what became of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One alert as the live version and the candidate have handled it."""

    container: int
    case: str
    name: str
    live: Side
    candidate: Side
    only_live: tuple[str, ...]
    only_candidate: tuple[str, ...]
    notes: tuple[str, ...]
    """What else the candidate would have done: changes of the container, questions."""
    same: bool
    finished: bool


def keep(work: Work, name: str, file: PlaybookFile, *, by: str) -> Row:
    """Let a file run in shadow beside the live version; an older candidate makes room for it."""
    live = work.playbooks.newest(name)
    number, _ = library.save(work, replace(file, name=live["name"]), candidate=True)
    if number == live["id"]:
        raise BadInput(
            "file", f"is the live version of {live['name']!r}: there is nothing to compare"
        )
    row = _candidate(work, live["name"])
    work.audit(by, "candidate added", _told(row))
    return row


def promote(work: Work, name: str, *, by: str) -> Row:
    """Make the candidate the live version: from the next alert on it acts."""
    row = _candidate(work, name)
    work.playbooks.promote(row["id"], row["name"])
    work.audit(by, "candidate promoted", _told(row))
    return row


def drop(work: Work, name: str, *, by: str) -> Row:
    """Give the candidate up; what its runs have found stays."""
    row = _candidate(work, name)
    work.playbooks.drop_candidate(row["name"])
    work.audit(by, "candidate dropped", _told(row))
    return row


def compare(work: Work, name: str, *, catalog: Catalog, limit: int) -> list[Comparison]:
    """Return the newest alerts that both versions have seen, newest first."""
    pairs = work.candidates.pairs(_candidate(work, name)["id"], limit)
    ids = [row[f"{side}_run"] for row in pairs for side in ("live", "candidate")]
    calls = _grouped(work.candidates.calls_of(ids))
    said = _grouped(work.candidates.said_in([row["candidate_run"] for row in pairs]))
    return [_comparison(row, calls, said, catalog) for row in pairs]


def shape(one: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON."""
    return asdict(one)


def _candidate(work: Work, name: str) -> Row:
    row = work.playbooks.candidate(name)
    if row is None:
        raise NotFound(f"{name!r} has no candidate: add one with `soar playbook candidate`")
    return row


def _told(row: Row) -> dict[str, Any]:
    return {"playbook": row["name"], "id": row["id"], "version": row["version"]}


def _grouped(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["root"], []).append(row)
    return found


def _comparison(
    row: Row,
    calls: Mapping[int, Sequence[Row]],
    said: Mapping[int, Sequence[Row]],
    catalog: Catalog,
) -> Comparison:
    live, candidate = (_side(row, side, calls, catalog) for side in ("live", "candidate"))
    only_live = tuple(what for what in live.writes if what not in candidate.writes)
    only_candidate = tuple(what for what in candidate.writes if what not in live.writes)
    verdicts = live.verdict == candidate.verdict
    lines = said.get(candidate.run, ())
    return Comparison(
        container=row["id"],
        case=shapes.case_number(row),
        name=row["name"],
        live=live,
        candidate=candidate,
        only_live=only_live,
        only_candidate=only_candidate,
        notes=tuple(line["message"].removeprefix(PREFIX) for line in lines),
        same=verdicts and not only_live and not only_candidate and not candidate.error,
        finished={live.status, candidate.status}.isdisjoint({"queued", "running"}),
    )


def _side(row: Row, side: str, calls: Mapping[int, Sequence[Row]], catalog: Catalog) -> Side:
    made = calls.get(row[f"{side}_run"], ())
    return Side(
        run=row[f"{side}_run"],
        status=row[f"{side}_status"],
        error=row[f"{side}_error"],
        verdict=_verdict(made),
        writes={_what(c): _became(c) for c in made if _writes(c, catalog)},
    )


def _verdict(calls: Sequence[Row]) -> str:
    """Return what the lookups of a run fold into."""
    lookups = [
        {**c, "parameter": c["parameters"]} for c in calls if c["action"].endswith("reputation")
    ]
    return verdict.fold(lookups).verdict.value if lookups else ""


def _writes(call: Row, catalog: Catalog) -> bool:
    spec = _spec(call, catalog)
    if spec is None:  # its app is gone: what the row itself says
        return bool(call["shadow"] or call["target"])
    return not spec.read_only


def _spec(call: Row, catalog: Catalog) -> ActionSpec | None:
    try:
        return catalog.app(call["app"]).action(call["action"]) if call["app"] else None
    except NotFound:
        return None


def _what(call: Row) -> str:
    """Name a write so that equal wishes of two runs have one name."""
    about = call["target"] or json.dumps(call["parameters"], sort_keys=True, ensure_ascii=False)
    return f"{call['action']} on {call['asset']}: {about}"


def _became(call: Row) -> str:
    if call["status"] == "success":
        return WOULD if call["shadow"] else "done"
    if call["status"] == "parked":
        return f"waits for {call['parked_for']}"
    return str(call["status"])
