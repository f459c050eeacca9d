"""
One read model: what happened to a container, or in a run, in order.

In: rows of the store's read queries. Out: a frozen :class:`Timeline`, for the report, the
command line, REST and the web.
Never: the data of a result, or a write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from soar.domain import shapes
from soar.domain.errors import NotFound
from soar.store.rows import Row
from soar.store.work import Work

UNFINISHED = frozenset({"queued", "running"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that happened, or that is waited for."""

    time: datetime
    kind: str
    """status, run, action, prompt, approval, note or log"""
    title: str
    detail: str = ""
    status: str = ""
    seconds: float | None = None
    """How long it took; None while it goes on, or where it never began."""
    ids: Mapping[str, int] = field(default_factory=dict)
    """run, action_run, app_run, approval, note, log: whichever it has."""
    who: str = ""
    """The addressee of a question, the author of a note."""
    agreed: tuple[str, ...] = ()
    """Everybody whose answer decided a question, the first one first."""
    app: str = ""
    asset: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    waits_for: str = ""
    """budget, approval or schedule, while a call is parked."""
    due: datetime | None = None
    attachment: int | None = None
    """Where the whole text of a truncated result is."""
    shadow: bool = False
    """Whether it was only simulated, or belongs to a candidate's run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLine:
    """One run of a playbook, as a line."""

    id: int
    parent: int | None
    playbook: str
    title: str
    version: str
    manual_minutes: int
    status: str
    error: str
    started: datetime | None
    ended: datetime | None
    created: datetime
    shadow: bool = False
    """Whether a candidate ran, beside the live version."""

    @property
    def unfinished(self) -> bool:
        """Whether it goes on."""
        return self.status in UNFINISHED


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """A container and everything that happened to it, in order."""

    container_id: int
    case: str
    name: str
    label: str
    severity: str
    status: str
    asset: str
    app: str
    runs: tuple[RunLine, ...]
    entries: tuple[Entry, ...]

    def of_root(self, run_id: int) -> Timeline:
        """Return the part of a run, of the runs that led to it, and of all that these started."""
        parents = {run.id: run.parent for run in self.runs}
        root = run_id
        while (parent := parents.get(root)) in parents and parent is not None:
            root = parent
        return self.of_family(root)

    def of_family(self, run_id: int) -> Timeline:
        """Return the part of a run and of the playbooks that it started."""
        family = {run_id}
        # Runs come in the order they were made, so a parent is always seen before its child.
        for run in self.runs:
            if run.parent in family:
                family.add(run.id)
        return self.only(family)

    def only(self, run_ids: Iterable[int]) -> Timeline:
        """Return the part that belongs to these runs."""
        wanted = frozenset(run_ids)
        return replace(
            self,
            runs=tuple(run for run in self.runs if run.id in wanted),
            entries=tuple(e for e in self.entries if e.ids.get("run") in wanted),
        )


def of_container(work: Work, container_id: int) -> Timeline:
    """Return everything that happened to a container."""
    row = work.reads.origin_of(container_id)
    if row is None:
        raise NotFound(f"there is no container {container_id}")
    runs = work.reads.run_lines_of(container_id)
    return Timeline(
        container_id=container_id,
        case=shapes.case_number(row),
        name=row["name"],
        label=row["label"],
        severity=row["severity"],
        status=row["status"],
        asset=row["asset"],
        app=row["app"],
        runs=tuple(_run_line(run) for run in runs),
        entries=tuple(_in_order(_entries(work, row, runs))),
    )


def of_run(work: Work, run_id: int) -> Timeline:
    """Return what happened in a run and in the playbooks that it started."""
    return of_container(work, work.runs.get(run_id)["container_id"]).of_family(run_id)


def _entries(work: Work, container: Row, runs: list[Row]) -> Iterator[Entry]:
    yield from _opened_and_closed(container)
    candidates = {run["id"] for run in runs if run["shadow"]}
    for entry in _happened(work, container["id"], runs):
        of_candidate = entry.ids.get("run") in candidates
        yield replace(entry, shadow=True) if of_candidate else entry


def _happened(work: Work, number: int, runs: list[Row]) -> Iterator[Entry]:
    yield from (_run(row) for row in runs)
    yield from (_call(row) for row in work.reads.calls_of(number))
    yield from (_uncalled(row) for row in work.reads.uncalled_of(number))
    yield from (_question(row) for row in work.reads.approvals_of(number))
    yield from (_note(row) for row in work.reads.notes_of(number))
    yield from (_log(row) for row in work.reads.logs_of(number))


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    # What one block asked for has one time, its transaction's: there the rows' own order tells.
    return sorted(
        entries, key=lambda e: (e.time, e.ids.get("action_run", 0), e.ids.get("app_run", 0))
    )


def _opened_and_closed(row: Row) -> Iterator[Entry]:
    yield Entry(
        time=row["create_time"],
        kind="status",
        title="Container opened",
        detail=row["name"],
        status="new",
    )
    if row["close_time"] is not None:
        yield Entry(
            time=row["close_time"], kind="status", title="Container closed", status="closed"
        )


def _run_line(row: Row) -> RunLine:
    return RunLine(
        id=row["id"],
        parent=row["parent_run_id"],
        playbook=row["playbook"],
        title=row["title"],
        version=row["version"],
        manual_minutes=row["manual_minutes"],
        status=row["status"],
        error=row["error"],
        started=row["start_time"],
        ended=row["end_time"],
        created=row["create_time"],
        shadow=row["shadow"],
    )


def _run(row: Row) -> Entry:
    return Entry(
        time=row["start_time"] or row["create_time"],
        kind="run",
        status=row["status"],
        title=f"{row['title']} v{row['version']}",
        detail=row["error"],
        who=row["started_by"],
        seconds=_seconds(row["start_time"], row["end_time"]),
        ids={"run": row["id"]},
    )


def _call(row: Row) -> Entry:
    return Entry(
        time=row["create_time"],
        kind="action",
        title=row["action"],
        detail="; ".join(filter(None, (row["message"], _borrowed(row), _shared(row)))),
        status=row["status"],
        seconds=_seconds(row["start_time"], row["end_time"]),
        ids={"run": row["run_id"], "action_run": row["action_run_id"], "app_run": row["id"]},
        app=row["app"],
        asset=row["asset"],
        parameters=row["parameters"],
        summary=row["summary"],
        waits_for=row["parked_for"] or "",
        due=row["due_at"],
        attachment=row.get("attachment_id"),
        shadow=row["shadow"],
    )


def _borrowed(row: Row) -> str:
    """Say whose answer this is, where the vendor was not asked for it."""
    if not row["reused_run"] or row["target"]:
        return ""  # what a write shares is an effect, and its message says whose
    age = int(row["reused_age"].total_seconds())
    when = f", age {age} s" if age > 0 else ""
    return f"answered from the lookup of run {row['reused_run']}{when}"


def _shared(row: Row) -> str:
    """Say which other runs wanted an effect that stands already."""
    runs = ", ".join(map(str, row["shared_by"]))
    return f"also wanted by run {runs}" if runs else ""


def _uncalled(row: Row) -> Entry:
    what = row["action"] or row["name"]
    called = row["kind"] in ("playbook", "custom_function")
    return Entry(
        time=row["create_time"],
        kind="action",
        detail=row["message"],
        status=row["status"],
        title=f"{row['kind'].replace('_', ' ')} {what}" if called else what,
        ids={"run": row["run_id"], "action_run": row["id"]},
    )


def _question(row: Row) -> Entry:
    return Entry(
        time=row["create_time"],
        kind="prompt" if row["kind"] == "prompt" else "approval",
        title=row["name"],
        detail=row["answer"] or "",
        status=row["status"],
        seconds=_seconds(row["create_time"], row["close_time"]),
        who=row["assignee"],
        agreed=tuple(row["agreed"]) if row["status"] == "answered" else (),
        ids={"run": row["run_id"], "action_run": row["action_run_id"], "approval": row["id"]},
        due=row["due_at"],
    )


def _note(row: Row) -> Entry:
    return Entry(
        time=row["create_time"],
        kind="note",
        title=row["title"] or row["kind"],
        detail=row["content"],
        who=row["author"],
        ids=_present(run=row["run_id"], note=row["id"]),
    )


def _log(row: Row) -> Entry:
    return Entry(
        time=row["time"],
        kind="log",
        title=row["block"],
        detail=row["message"],
        status=row["level"],
        ids={"run": row["run_id"], "log": row["id"]},
    )


def _present(**ids: int | None) -> dict[str, int]:
    return {name: value for name, value in ids.items() if value is not None}


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start is not None and end is not None else None
