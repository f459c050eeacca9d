"""
What vendors and people answer where nobody is: from a transcript, or made up from a seed.

In: a playbook's text, which says what it will read; a seed; perhaps a file of answers.
Out: results that hold something at each datapath that the playbook reads.
Never: chance: the same seed answers the same.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from soar.domain.commands import Prompt
from soar.domain.questions import Answer
from soar.engine.planner import Member
from soar.testing.stage import Heard, alert

PATH = re.compile(r"(?:([\w ]+):|[\"'])action_result\.(data|summary)((?:\.[\w*\- ]+)*)")
FIELD = re.compile(r"""(?:artifact:\*\.cef\.|\[["']cef["']\]\[["'])(\w+)""")
KEY = re.compile(r"""[\w\])](?:\.get\(|\[)["'](\w+)["']""")
NUMBER = re.compile(
    r"""(?:[-+*/<>]\s*|\bint\(|\bfloat\()\w+\[["'](\w+)["']\]"""
    r"""|\[["'](\w+)["']\](?=\s*(?:[-*/<>]|\+\s*\w+\[))"""
)
OWN = frozenset({"status", "message", "summary", "data", "parameter", "context", "cef"})
"""Keys of results and artifacts, which no vendor brings."""
OUTPUT = re.compile(r"playbook_input:(\w+)")
KINDS: Sequence[tuple[str, Sequence[Any]]] = (
    (r"^(artifact|container)_ids?", ("1",)),
    (r"repo$|repo_name|repository", ("community",)),
    (r"url|uri|link", ("https://one.example/a", "https://two.example/b")),
    (r"mail|sender|recipient", ("ada@one.example", "bob@two.example")),
    (r"hash|sha|md5|checksum", ("0" * 64, "a1" * 32)),
    (r"domain|fqdn|dns", ("one.example", "two.example")),
    (r"user|account|owner|login", ("ada", "bob")),
    (r"host|device|endpoint|machine|computer", ("ws-1", "ws-2")),
    (r"ip|address|src|dst|source|dest", ("192.0.2.1", "198.51.100.7")),
    (r"count|total|num|score|positives|severity|size|port|level", (0, 3, 40)),
    (r"time|date|^ts$|_ts$", ("2024-05-17T09:00:00.000000Z",)),
    (r"^is_|^has_|found|exists|enabled", (True, False)),
)


@dataclass(frozen=True)
class Transcript:
    """Answers by action; what is not written down is made up."""

    seed: int = 1
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What fields of artifacts and inputs hold, by name, where it is not made up."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """The texts of the playbooks, by name: they say what they read."""

    @classmethod
    def read(cls, path: Path | None, *, seed: int, sources: Mapping[str, str]) -> Transcript:
        """
        Read a transcript: a JSON object with ``summary``, ``data``, ``failed`` per action.

        Under ``fields`` stand the values of artifacts and inputs by name.
        """
        written = json.loads(path.read_text()) if path else {}
        fields = written.pop("fields", {})
        return cls(seed=seed, written=written, fields=fields, sources=sources)

    def answer(self, playbook: str, block: str, call: Member) -> Heard:
        """Answer one call of an action."""
        told = self.written.get(call.action)
        if told is None:
            chance = random.Random(f"{self.seed} {playbook} {block} {sorted(call.parameters)}")
            told = self._made_up(playbook, block, chance)
        return Heard(
            call.asset,
            "",
            summary=dict(told.get("summary", {})),
            message=str(told.get("message", "done")),
            failed=bool(told.get("failed")),
            data=list(told.get("data", ())),
        )

    def _made_up(self, playbook: str, block: str, chance: random.Random) -> dict[str, Any]:
        summary: dict[str, Any] = {}
        row: dict[str, Any] = {}
        for where, path in _read_of(self.sources.get(playbook, ""), block):
            steps = path[1:] if where == "data" and path[:1] == ("*",) else path
            _put(row if where == "data" else summary, steps, chance)
        for key, number in _taken_apart(self.sources.get(playbook, "")):
            for told in (row, summary):
                told.setdefault(key, chance.choice((0, 3, 40)) if number else value(key, chance))
        return {"summary": summary, "data": [row] if row else []}

    def choose(self, prompt: Prompt) -> Sequence[Answer] | None:
        """Answer a question: its first choice, a word, the lowest number; the third nobody does."""
        chance = random.Random(f"{self.seed} {prompt.name}")
        if chance.random() < 0.1:
            return None
        if prompt.options:
            return [chance.choice(prompt.options)]
        return [self._response(q.shape(), chance) for q in prompt.questions] or ["noted"]

    def _response(self, question: Mapping[str, Any], chance: random.Random) -> Answer:
        options = question.get("options") or {}
        choices = options.get("choices") or question.get("choices")
        if choices:
            return str(chance.choice(list(choices)))
        low = options.get("min", question.get("min"))
        return int(low) if low is not None else "noted"

    def container(self, playbook: str) -> dict[str, Any]:
        """Return a container whose artifacts have every field that a playbook reads."""
        source = self.sources.get(playbook, "")
        chance = random.Random(f"{self.seed} {playbook}")
        fields = sorted({*FIELD.findall(source), "sourceAddress", "requestURL", "fileHash"})
        cefs = [{n: self.fields.get(n, value(n, chance)) for n in fields} for _ in range(2)]
        return alert(*cefs, label="events", owner_name="ada")

    def inputs(self, playbook: str) -> dict[str, Any]:
        """Return values for the inputs that a playbook reads."""
        chance = random.Random(f"{self.seed} {playbook} inputs")
        names = sorted(set(OUTPUT.findall(self.sources.get(playbook, ""))))
        return {name: [self.fields.get(name, value(name, chance))] for name in names}


@lru_cache(maxsize=4096)
def _read_of(source: str, block: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what a playbook reads of an action's results: summary or data, and the path."""
    return tuple(
        (where, tuple(step.strip() for step in path.split(".") if step.strip()))
        for name, where, path in PATH.findall(source)
        if name.strip() in ("", block)  # without a name: of whatever a callback is told
    )


@lru_cache(maxsize=1024)
def _taken_apart(source: str) -> tuple[tuple[str, bool], ...]:
    """Return the keys by which a text takes rows and summaries apart, and which are numbers."""
    numbers = {name for pair in NUMBER.findall(source) for name in pair if name}
    return tuple((key, key in numbers) for key in sorted({*KEY.findall(source)} - OWN))


def _put(row: dict[str, Any], steps: Sequence[str], chance: random.Random) -> None:
    """Put a value where a path leads, and what must stand above it."""
    at: Any = row
    if not steps:
        return
    for step, after in zip(steps, [*steps[1:], ""], strict=True):
        if step == "*" or (step.isdigit() and isinstance(at, list)):
            if not isinstance(at, list):
                return
            below = at[0] if at else None
            if after and below is None:
                at.append({} if not (after == "*" or after.isdigit()) else [])
            elif not after and not at:
                at.append(value("item", chance))
            at = at[0]
        elif isinstance(at, dict):
            if not after:
                at.setdefault(step, value(step, chance))
                return
            at = at.setdefault(step, [] if after == "*" or after.isdigit() else {})
        else:
            return


def value(name: str, chance: random.Random) -> Any:
    """Return something that a field of this name may hold."""
    for pattern, values in KINDS:
        if re.search(pattern, name, re.IGNORECASE):
            return chance.choice(values)
    return chance.choice(("success", "one", "two"))
