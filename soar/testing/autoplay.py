"""
Plays a playbook through to its end, with everybody it calls: nothing is left to a test to say.

In: texts of playbooks and custom functions, and who answers for vendors and people.
Out: what was played: blocks, joins, mistakes, whether it came to its end.
Never: a run without an end: it is stopped after so many events.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from soar import catalog as catalogs
from soar.catalog import Catalog
from soar.domain.commands import CallFunction, CallPlaybook, Prompt
from soar.domain.model import Asset
from soar.domain.questions import Answer
from soar.engine.calling import DEEPEST
from soar.engine.planner import Join, Member
from soar.engine.program import FUNCTION, BadPlaybook, Program, load
from soar.testing.memory import Memory
from soar.testing.shelf import Shelf
from soar.testing.stage import Dialogue, Heard

MOST_EVENTS = 2000
FINISH = "on_finish"


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Whom a playbook may call, and who answers: for vendors by act and call, and for people."""

    playbooks: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    answer: Callable[[str, str, Member], Heard]
    """Asked with playbook, act and call."""
    choose: Callable[[Prompt], Sequence[Answer] | None]
    """None: nobody answers in time."""
    catalog: Catalog = field(default_factory=catalogs.load)
    assets: Mapping[str, Asset] = field(default_factory=dict)
    shelf: Callable[[str], Shelf] = lambda _: Shelf()
    """What else there is when a playbook of that name begins: people, workbooks, lists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """Something that went wrong in a block or a custom function."""

    playbook: str
    block: str
    sentence: str


@dataclass(kw_only=True)
class Played:
    """What became of one playbook."""

    playbook: str
    loaded: bool = False
    finished: bool = False
    """Whether on_finish was called and came to its end."""
    stopped: bool = False
    """Whether it had to be stopped."""
    blocks: Counter[str] = field(default_factory=Counter)
    """How often each function of the playbook was called."""
    joins: Counter[str] = field(default_factory=Counter)
    """How often each join led to something."""
    mistakes: list[Mistake] = field(default_factory=list)
    events: int = 0


def perform(
    name: str,
    container: dict[str, Any],
    cast: Cast,
    *,
    inputs: Mapping[str, Any] | None = None,
    records: Shelf | None = None,
) -> Played:
    """Play a playbook of the cast on a container; *records* are the lists and files there are."""
    played = Played(playbook=name)
    memory = Memory(container, inputs=dict(inputs or {}), records=records or cast.shelf(name))
    _Performance(name=name, memory=memory, cast=cast, played=played).run()
    return played


@dataclass(kw_only=True)
class _Performance:
    """One run; what it calls is a performance of its own, and counts its mistakes here."""

    name: str
    memory: Memory
    cast: Cast
    played: Played
    depth: int = 1

    def run(self) -> Dialogue | None:
        """Play it from on_start to on_finish."""
        try:
            program = load(self.name, self.cast.playbooks[self.name])
        except BadPlaybook as error:
            self._note("", str(error))
            return None
        whole = self.depth == 1
        self.played.loaded |= whole
        at = Dialogue(
            program=_counted(program, self.played) if whole else program,
            memory=self.memory,
            catalog=self.cast.catalog,
            assets=self.cast.assets,
        )
        at.begins()
        self._note("on_start", at.error)
        self._deliver(at)
        if program.has(FINISH):
            at.calls(FINISH, '{"result": []}')
            self._note(FINISH, at.error)
            finished = not at.error
            self._deliver(at)
            self.played.finished |= whole and finished and not self.played.stopped
        return at

    def _note(self, block: str, sentence: str) -> None:
        if sentence:
            self.played.mistakes.append(Mistake(playbook=self.name, block=block, sentence=sentence))

    def _deliver(self, at: Dialogue) -> None:
        """Tell the run everything that ends, one by one, until it waits for nothing."""
        while at.waiting:
            self.played.events += 1
            if self.played.events > MOST_EVENTS:
                self.played.stopped = True
                self._note("", f"it was stopped after {MOST_EVENTS:,} events")
                return
            awaited = at.waiting[0]
            at.error = ""
            self._tell(at, awaited)
            self._note(awaited.callback, at.error)

    def _tell(self, at: Dialogue, awaited: Any) -> None:
        match awaited:
            case Join():
                at.hears_each(lambda act, call: self.cast.answer(self.name, act, call))
            case Prompt():
                chosen = self.cast.choose(awaited)
                at.hears_timeout() if chosen is None else at.hears_answer(*chosen)
            case CallPlaybook():
                self._call_playbook(at, awaited)
            case CallFunction():
                self._call_function(at, awaited)

    def _call_playbook(self, at: Dialogue, call: CallPlaybook) -> None:
        name = call.playbook.rpartition("/")[2]
        if name not in self.cast.playbooks or self.depth >= DEEPEST:
            why = "called too deep" if self.depth >= DEEPEST else "not there"
            at.hears_playbook(success=False, message=f"playbook {call.playbook!r} is {why}")
            return
        memory = replace(self.memory, inputs=dict(call.inputs), functions={}, outputs={})
        child = replace(self, name=name, memory=memory, depth=self.depth + 1)
        ended = child.run()
        self.memory.last_id = memory.last_id
        memory.records.ends(call.run_id, success=ended is not None)
        at.hears_playbook(success=ended is not None, outputs=ended.gave if ended else {})

    def _call_function(self, at: Dialogue, call: CallFunction) -> None:
        source = self.cast.functions.get(call.function.rpartition("/")[2])
        if source is None:
            at.hears_function(failed=f"there is no custom function {call.function!r}")
            return
        before = len(at.memory.custom_function_results(call.name))
        try:
            load(call.function, source, FUNCTION)
        except BadPlaybook as error:
            at.hears_function(failed=str(error))
            self._note(call.name, str(error))
            return
        at.runs_function(source)
        for row in at.memory.custom_function_results(call.name)[before:]:
            self._note(call.name, row["message"])


def _counted(program: Program, played: Played) -> Program:
    """Return the same program, with every call of one of its functions counted."""
    stack: list[str] = []

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            played.blocks[name] += 1
            if stack and stack[-1].startswith("join_"):
                played.joins[stack[-1]] += 1
            stack.append(name)
            try:
                return function(*args, **kwargs)
            finally:
                stack.pop()

        return call

    def wrapped(namespace: Mapping[str, Any]) -> Mapping[str, Any]:
        # A function finds its neighbours in the very mapping in which it was defined.
        assert isinstance(namespace, dict)
        for name, value in list(namespace.items()):
            if inspect.isfunction(value) and value.__globals__ is namespace:
                namespace[name] = counting(name, value)
        return namespace

    again = (lambda: wrapped(program.loaded())) if program.keeps_state else None
    return replace(program, namespace=wrapped(program.loaded()), loaded=again or program.loaded)
