"""
Checks and plays every playbook of a folder, and counts.

In: a folder, a seed, perhaps a transcript. Out: one document: totals, and each playbook.
Never: a playbook of the folder imported, or changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from soar import bringing, bundle
from soar.check.findings import ERROR, Finding
from soar.check.review import known, review_all
from soar.engine import program
from soar.testing import Mistake, Played, perform
from soar.testing.transcript import Transcript
from tests.corpus.company import AnyCatalog, cast_of

PYTHON_2 = re.compile(
    r"Missing parentheses in call to|multiple exception types must be parenthesized"
    r"|leading zeros in decimal|invalid decimal literal|unindent|tabs and spaces"
)
"""What Python 3 says of a text that only Python 2 reads."""
MISSING = re.compile(r"phantom\.(\w+)(?:\([^)]*\))? is not (?:offered|known)")


def tally(
    folder: Path,
    *,
    seed: int = 1,
    transcript: Path | None = None,
    only: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Return what became of every playbook in a folder."""
    program.lend_alias()
    found = bundle.collect(str(folder))
    brought = bringing.read(found)
    findings = review_all(found, brought, known(AnyCatalog(apps=())))
    sources = {name: file.source for name, file in brought.playbooks.items()}
    answers = Transcript.read(transcript, seed=seed, sources=sources)
    cast = cast_of(brought, answers)
    rows = []
    for name in sorted(sources):
        if only and only not in name:
            continue
        tell(name)
        played = perform(name, answers.container(name), cast, inputs=answers.inputs(name))
        rows.append(_row(played, _of(findings, name)))
    refused = [{"file": path, "why": why} for path, why in sorted(brought.refused.items())]
    return {"totals": _totals(rows, refused), "playbooks": rows, "refused": refused}


def _of(findings: Iterable[Finding], name: str) -> list[Finding]:
    return [f for f in findings if f.file.rpartition("/")[2] == f"{name}.py" and f.level == ERROR]


def _row(played: Played, errors: list[Finding]) -> dict[str, Any]:
    missing = {m for f in errors for m in MISSING.findall(f.sentence)}
    missing |= {m for one in played.mistakes for m in MISSING.findall(one.sentence)}
    twice = sorted(name for name, count in played.joins.items() if count > 1)
    return {
        "playbook": played.playbook,
        "imports": played.loaded,
        "missing_names": sorted(missing),
        "reached_on_finish": played.finished,
        "stopped": played.stopped,
        "events": played.events,
        "blocks": sum(played.blocks.values()),
        "blocks_of_its_own": len(played.blocks),
        "joins_fired": sum(played.joins.values()),
        "joins_fired_twice": twice,
        "errors": [_said(one) for one in played.mistakes],
        "check": [f"line {f.line}: {f.sentence}" for f in errors],
    }


def _said(one: Mistake) -> str:
    return f"{one.playbook}: {one.block}: {one.sentence}"


def _totals(rows: list[dict[str, Any]], refused: list[dict[str, str]]) -> dict[str, Any]:
    names: Counter[str] = Counter(name for row in rows for name in row["missing_names"])
    return {
        "playbooks": len(rows),
        "refused": len(refused),
        "refused_as_python_2": sum(bool(PYTHON_2.search(one["why"])) for one in refused),
        "import": sum(row["imports"] for row in rows),
        "without_missing_names": sum(not row["missing_names"] for row in rows),
        "reached_on_finish": sum(row["reached_on_finish"] for row in rows),
        "without_errors": sum(not row["errors"] for row in rows),
        "stopped": sum(row["stopped"] for row in rows),
        "blocks": sum(row["blocks"] for row in rows),
        "joins_fired": sum(row["joins_fired"] for row in rows),
        "joins_fired_twice": sum(bool(row["joins_fired_twice"]) for row in rows),
        "missing_names": dict(names.most_common()),
    }
