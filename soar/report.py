"""
The execution report: a timeline as the text that people file.

In: a container's timeline and the catalog's product names. Out: :class:`Facts`, and these as text
or Markdown. Composing is pure; only :func:`write` and :func:`read` touch the store.
Never: a duration that was not measured, a secret, or a line break that came from outside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from soar import catalog as catalogs
from soar import timeline as timelines
from soar.catalog import Catalog
from soar.domain import verdict
from soar.domain.errors import NotFound
from soar.domain.verdict import Verdict
from soar.store.work import Work
from soar.timeline import Entry, RunLine, Timeline

TITLE = "SOAR PLAYBOOK EXECUTION REPORT"
NO_ANSWER = "No answer in time — nothing was done"
STEP_KINDS = frozenset({"action", "prompt", "approval"})
ENDED = frozenset({"success", "failed"})
INDICATORS = ("url", "hash", "ip", "domain", "hostname", "device_id", "username", "event_ids")
UPPER = {"ip": "IP", "url": "URL", "id": "ID"}
LONGEST = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One numbered line of the report."""

    title: str
    by: str
    """The product, or the people who were asked."""
    outcome: str
    indicator: str = ""
    """Which one it was about, defanged; empty where nothing could be confused."""
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one call brought, and what is to be thought of it."""

    time: datetime
    step: Step
    status: str
    verdict: Verdict | None
    """None where it gives no opinion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything that the report says."""

    playbooks: tuple[str, ...]
    case: str
    trigger: str
    steps: tuple[Step, ...]
    total_seconds: float
    manual_minutes: int
    disposition: str
    errors: tuple[str, ...] = ()
    finished: bool = True
    """Whether all runs have ended; before that nobody can say what was saved."""

    @property
    def saved_seconds(self) -> float:
        """How much faster than by hand it went; never below nothing."""
        return max(0.0, self.manual_minutes * 60 - self.total_seconds)


def write(work: Work, container_id: int) -> str:
    """Compose the report of a container, keep it, and return its text."""
    found = _facts_of(work, container_id)
    text = compose(found)
    work.containers.save_report(container_id, text, asdict(found))
    return text


def read(work: Work, container_id: int) -> str:
    """Return the report that was kept, or compose it where there is none or it is overtaken."""
    kept = work.reads.fresh_report(container_id)
    return str(kept["text"]) if kept is not None else compose(_facts_of(work, container_id))


def read_markdown(work: Work, container_id: int) -> str:
    """Return the report of a container as Markdown."""
    return markdown(_facts_of(work, container_id))


def _facts_of(work: Work, container_id: int) -> Facts:
    found = timelines.of_container(work, container_id)
    return facts(found, catalog=catalogs.load(), now=datetime.now(UTC))


def facts(timeline: Timeline, *, catalog: Catalog, now: datetime) -> Facts:
    """Say what a timeline comes to; *now* ends what still goes on. Candidates are no part of it."""
    timeline = _without_candidates(timeline)
    top = [run for run in timeline.runs if run.parent is None]
    steps = [entry for entry in timeline.entries if entry.kind in STEP_KINDS]
    return Facts(
        playbooks=_playbooks(top),
        case=timeline.case,
        trigger=_trigger(timeline, catalog),
        steps=_steps(steps, catalog),
        total_seconds=_total_seconds(top, now),
        manual_minutes=sum({run.playbook: run.manual_minutes for run in top}.values()),
        disposition=_disposition(timeline, steps, catalog),
        finished=not any(run.unfinished for run in timeline.runs),
        errors=tuple(_flat(run.error) for run in timeline.runs if run.error),
    )


def _without_candidates(timeline: Timeline) -> Timeline:
    left_out = {run.id for run in timeline.runs if run.shadow}
    if not left_out:
        return timeline
    return replace(
        timeline,
        runs=tuple(run for run in timeline.runs if run.id not in left_out),
        entries=tuple(e for e in timeline.entries if e.ids.get("run") not in left_out),
    )


def findings(timeline: Timeline, *, catalog: Catalog) -> list[Finding]:
    """Return what every call brought, each with its verdict."""
    return [
        Finding(
            time=entry.time.astimezone(UTC),
            step=_call_step(entry, catalog, alone=False),
            status=entry.status,
            verdict=verdict.opinion(_result(entry, catalog)).verdict,
        )
        for entry in timeline.entries
        if entry.kind == "action"
    ]


def compose(found: Facts) -> str:
    """Return the report as plain text."""
    actions = [f"  [{i}] {_line(step)}" for i, step in enumerate(found.steps, start=1)]
    return "\n".join([TITLE, "━" * (len(TITLE) - 1), *_head(found), *actions, *_foot(found)])


def markdown(found: Facts) -> str:
    """Return the report as Markdown; what came from outside stays text."""
    head = [f"- {_escaped(line)}" for line in _head(found)[:-1]]
    steps = [f"{i}. {_escaped(_line(step))}" for i, step in enumerate(found.steps, start=1)]
    foot = [f"- {_escaped(line)}" for line in _foot(found)]
    parts = ["# SOAR playbook execution report", "", *head, "", "## Actions executed", ""]
    return "\n".join([*parts, *(steps or ["None."]), "", "## Result", "", *foot, ""])


def duration(seconds: float) -> str:
    """Return a duration as people say it: 2.1s, 4m 12s, 1h 3m."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return f"{whole // 3600}h {whole % 3600 // 60}m"


def defanged(value: str) -> str:
    """Return an indicator that nothing will turn into a link."""
    scheme, mark, rest = value.partition("://")
    if mark:
        host, slash, path = rest.partition("/")
        return f"{scheme.replace('tt', 'xx')}://{host.replace('.', '[.]')}{slash}{path}"
    return value.replace(".", "[.]")


def _head(found: Facts) -> list[str]:
    return [
        f"Playbook: {' + '.join(found.playbooks) or 'none has run'}",
        f"Container: {found.case}",
        f"Trigger: {found.trigger}",
        "Actions Executed:" if found.steps else "Actions Executed: none",
    ]


def _foot(found: Facts) -> list[str]:
    by_hand = f" (vs {found.manual_minutes}min avg manual triage)" if found.manual_minutes else ""
    so_far = "" if found.finished else " so far"
    lines = [f"Total Duration: {duration(found.total_seconds)}{so_far}{by_hand}"]
    if found.manual_minutes and found.finished and not found.errors:
        lines.append(f"Time Saved: ~{_minutes(found.saved_seconds)}")
    lines.append(f"Disposition: {found.disposition}")
    return lines + [f"Run failed: {error}" for error in found.errors]


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _line(step: Step) -> str:
    by = f" ({step.by})" if step.by else ""
    about = f" ({step.indicator})" if step.indicator else ""
    took = f" [{duration(step.seconds)}]" if step.seconds is not None else ""
    return f"{step.title}{by} — {step.outcome}{about}{took}"


def _playbooks(top: Sequence[RunLine]) -> tuple[str, ...]:
    counted = Counter(_flat(f"{run.title} v{run.version}") for run in top)
    return tuple(f"{name} ({n} runs)" if n > 1 else name for name, n in counted.items())


def _total_seconds(top: Iterable[RunLine], now: datetime) -> float:
    """Return how long any run was at work: what overlaps counts once, pauses between do not."""
    total, reached = 0.0, None
    spans = [(run.started, run.ended or now) for run in top if run.started is not None]
    for start, end in sorted(spans):
        begin = start if reached is None else max(start, reached)
        total += max(0.0, (end - begin).total_seconds())
        reached = end if reached is None else max(end, reached)
    return total


def _trigger(timeline: Timeline, catalog: Catalog) -> str:
    label = f" ({timeline.label})" if timeline.label else ""
    if timeline.app == "splunk_es":
        return _flat(f"Notable event from {_product(timeline.app, catalog)}{label}")
    if "mail" in timeline.asset.lower():
        return _flat(f"Reported e-mail{label}")
    return _flat(f"Alert from {timeline.asset or 'an unnamed source'}{label}")


def _steps(entries: Sequence[Entry], catalog: Catalog) -> tuple[Step, ...]:
    about: dict[tuple[str, str], set[str]] = {}
    for entry in entries:
        about.setdefault((entry.title, entry.app), set()).add(_indicator(entry.parameters))
    return tuple(
        _call_step(entry, catalog, alone=len(about[entry.title, entry.app]) == 1)
        if entry.kind == "action"
        else _question_step(entry)
        for entry in entries
    )


def _call_step(entry: Entry, catalog: Catalog, *, alone: bool) -> Step:
    return Step(
        title=action_title(entry.title),
        by=_product(entry.app, catalog),
        outcome=_call_outcome(entry),
        indicator="" if alone else _flat(defanged(_indicator(entry.parameters))),
        seconds=entry.seconds,
    )


def _call_outcome(entry: Entry) -> str:
    message = _flat(entry.detail)
    match entry.status:
        case "success":
            return message or "Done"
        case "failed":
            return f"FAILED: {message or 'no reason was given'}"
        case "parked":
            return f"Waiting for {_waits_for(entry)}"
        case "running":
            return "Running"
    return "Waiting to start"


def _waits_for(entry: Entry) -> str:
    if entry.waits_for == "budget":
        return f"the budget of {entry.asset}"
    if entry.waits_for == "approval":
        return "an approval"
    return f"its time{_until(entry.due)}"


def _question_step(entry: Entry) -> Step:
    about = f"Approval of {action_title(entry.title)}"
    return Step(
        title="Prompt Analyst" if entry.kind == "prompt" else about,
        by=role_title(entry.who),
        outcome=_answer(entry),
        seconds=entry.seconds,
    )


def _answer(entry: Entry) -> str:
    match entry.status:
        case "answered":
            return f'Response: "{_flat(entry.detail)}"{_several(entry.agreed)}'
        case "expired":
            return NO_ANSWER
        case "cancelled":
            return "Withdrawn — nothing was to decide any more"
    return f"Waiting for an answer{_until(entry.due)}"


def _several(agreed: Sequence[str]) -> str:
    """Name everybody who agreed, where one was not enough."""
    return f" by {' and '.join(map(_flat, agreed))}" if len(agreed) > 1 else ""


def _until(due: datetime | None) -> str:
    return f" until {due.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if due is not None else ""


def action_title(action: str) -> str:
    """Return an action's name as a title: "block ip" is Block IP."""
    return " ".join(UPPER.get(w.lower(), w[:1].upper() + w[1:]) for w in _flat(action).split())


def role_title(assignee: str) -> str:
    """Return a role as people say it: soc_tier2 is Tier 2."""
    tier = re.fullmatch(r"(?:soc_)?tier_?(\d+)", assignee)
    return f"Tier {tier[1]}" if tier else _flat(assignee)


def _product(app: str, catalog: Catalog) -> str:
    try:
        return catalog.app(app).product if app else ""
    except NotFound:
        return app


def _indicator(parameters: Mapping[str, Any]) -> str:
    return next((str(parameters[name]) for name in INDICATORS if parameters.get(name)), "")


def _disposition(timeline: Timeline, steps: Sequence[Entry], catalog: Catalog) -> str:
    calls = [entry for entry in steps if entry.kind == "action"]
    lookups = [entry for entry in calls if entry.title.endswith("reputation")]
    ended = [entry for entry in lookups if entry.status in ENDED]
    done = [entry for entry in calls if entry.status == "success" and not entry.shadow]
    handling = verdict.Handling(
        contained=any(_kind(entry, catalog) == "contain" for entry in done),
        ticketed=any(entry.title == "create ticket" for entry in done),
        closed=timeline.status == "closed",
        asked=len(lookups),
        waiting=len(lookups) - len(ended),
    )
    folded = verdict.fold([_result(entry, catalog) for entry in ended])
    return _flat(verdict.disposition(folded, handling))


def _result(entry: Entry, catalog: Catalog) -> dict[str, Any]:
    return {
        "app": _product(entry.app, catalog) or entry.asset,
        "action": entry.title,
        "status": entry.status,
        "message": entry.detail,
        "parameter": entry.parameters,
        "summary": entry.summary,
    }


def _kind(entry: Entry, catalog: Catalog) -> str:
    try:
        spec = catalog.app(entry.app).action(entry.title) if entry.app else None
    except NotFound:
        return ""
    return spec.kind if spec is not None else ""


def _flat(text: str) -> str:
    """Return a text on one line of bearable length, without what a terminal would act on."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _escaped(line: str) -> str:
    unlinked = re.sub(r"(?i)\bhttp(s?)://", r"hxxp\1://", line)
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", unlinked)
