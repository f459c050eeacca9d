"""
Thresholds: what one source thinks, and how several opinions fold into one.

In: the recorded summaries of lookups. Out: a verdict with its confidence and reasons.
Never: an unknown or failed source counted as clean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What is thought of an indicator or a container, worst first."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    UNKNOWN = "unknown"
    CLEAN = "clean"


RANK = {v: i for i, v in enumerate(Verdict)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """Above *malicious* is malicious, above *suspicious* is suspicious (a summary's number)."""

    field: str
    malicious: float
    suspicious: float


SEED: Mapping[str, Threshold] = {
    "url reputation": Threshold(field="malicious", malicious=5, suspicious=0),
    "file reputation": Threshold(field="positives", malicious=10, suspicious=0),
    "ip reputation": Threshold(field="malicious", malicious=3, suspicious=0),
    "domain reputation": Threshold(field="malicious", malicious=5, suspicious=0),
}
"""The values of the user's own playbook (url > 5, file > 10, ip > 3)."""

SCORES: Mapping[str, Threshold] = {
    "abuse_confidence_score": Threshold(
        field="abuse_confidence_score", malicious=75, suspicious=25
    ),
}
"""Sources that answer with a score of their own instead of engine counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What one lookup says about one indicator; ``verdict`` None where it gives no opinion."""

    source: str
    action: str
    indicator: str
    verdict: Verdict | None
    failed: bool = False
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """The opinions of a container folded into one."""

    verdict: Verdict
    confidence: float
    """Share of the asked sources that gave an opinion, 0 to 1."""
    malicious: tuple[Opinion, ...] = ()
    suspicious: tuple[Opinion, ...] = ()
    unknown: tuple[Opinion, ...] = ()
    failed: tuple[Opinion, ...] = ()

    @property
    def closes(self) -> bool:
        """Whether the container may be closed as clean: all were looked up and all are clean."""
        return self.verdict is Verdict.CLEAN


def judge(
    action: str, summary: Mapping[str, Any], thresholds: Mapping[str, Threshold] = SEED
) -> Verdict | None:
    """Return what one successful lookup means, or ``None`` if it is no reputation at all."""
    if summary.get("known") is False:
        return Verdict.UNKNOWN
    for threshold in (*SCORES.values(), thresholds.get(action)):
        if threshold is None or summary.get(threshold.field) is None:
            continue
        count = _number(summary[threshold.field])
        if count is None:
            return Verdict.UNKNOWN
        if count > threshold.malicious:
            return Verdict.MALICIOUS
        return Verdict.SUSPICIOUS if count > threshold.suspicious else Verdict.CLEAN
    return Verdict.UNKNOWN if action.endswith("reputation") else None


def _number(value: Any) -> float | None:
    """Return a finite number, or ``None``: what is no number says nothing."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def opinion(result: Mapping[str, Any], thresholds: Mapping[str, Threshold] = SEED) -> Opinion:
    """Read one result of a lookup (the shape that callbacks get) as an opinion."""
    parameter = {k: v for k, v in dict(result.get("parameter") or {}).items() if k != "context"}
    failed = result.get("status") != "success"
    action = str(result.get("action", ""))
    return Opinion(
        source=str(result.get("app", "")),
        action=action,
        indicator=str(next(iter(parameter.values()), "")),
        verdict=None if failed else judge(action, result.get("summary") or {}, thresholds),
        failed=failed,
        detail=str(result.get("message", "")),
    )


def fold(
    results: Iterable[Mapping[str, Any]], thresholds: Mapping[str, Threshold] = SEED
) -> Folded:
    """
    Fold all results of a container: the worst verdict wins.

    A failed source lowers the confidence and never counts as clean, nor does one that does
    not know the indicator; without any opinion the verdict is unknown.
    """
    opinions = [opinion(result, thresholds) for result in results]
    relevant = [o for o in opinions if o.verdict is not None or o.failed]
    given = [o.verdict for o in relevant if o.verdict is not None]
    failed = tuple(o for o in relevant if o.failed)
    worst = min(given, key=RANK.__getitem__, default=Verdict.UNKNOWN)
    if worst is Verdict.CLEAN and failed:
        worst = Verdict.UNKNOWN

    def of(verdict: Verdict) -> tuple[Opinion, ...]:
        return tuple(o for o in relevant if o.verdict is verdict)

    return Folded(
        verdict=worst,
        confidence=round((len(relevant) - len(failed)) / len(relevant), 2) if relevant else 0.0,
        malicious=of(Verdict.MALICIOUS),
        suspicious=of(Verdict.SUSPICIOUS),
        unknown=of(Verdict.UNKNOWN),
        failed=failed,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Handling:
    """What was done about a container, as far as its disposition needs it."""

    contained: bool = False
    ticketed: bool = False
    closed: bool = False
    asked: int = 0
    """How many lookups were asked, of which some may still wait."""
    waiting: int = 0


def disposition(folded: Folded, handling: Handling) -> str:
    """Say in one line what a container turned out to be and who has it now."""
    match folded.verdict:
        case Verdict.MALICIOUS:
            escalated = handling.contained or handling.ticketed
            return f"True Positive — {'Escalated to IR' if escalated else 'Needs a responder'}"
        case Verdict.SUSPICIOUS:
            return "Suspicious — Analyst review"
    if handling.waiting:
        return f"Undetermined — {handling.waiting} of {handling.asked} lookups not finished"
    if folded.closes:
        return f"False Positive — {'Closed' if handling.closed else 'Not closed'}"
    return f"Undetermined — Analyst review ({_why_undetermined(folded, handling)})"


def _why_undetermined(folded: Folded, handling: Handling) -> str:
    if not handling.asked:
        return "nothing was looked up"
    groups = (("failed", folded.failed), ("unknown to their source", folded.unknown))
    parts = []
    for what, opinions in groups:
        if opinions:
            sources = ", ".join(dict.fromkeys(o.source or "no source" for o in opinions))
            parts.append(f"{len(opinions)} of {handling.asked} lookups {what}: {sources}")
    return "; ".join(parts)
