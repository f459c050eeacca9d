"""
The questions of a prompt, and whether what a person said answers them.

In: Splunk's ``response_types``, and texts or numbers. Out: questions; answers in their one form.
Never: I/O, or an answer to some of the questions and not to the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soar.domain.errors import BadInput

Answer = str | int

KINDS = ("list", "message", "range")
MOST_QUESTIONS = 100
MOST_CHOICES = 1_000
LONGEST_TEXT = 4_000
"""Characters of one question or one choice."""
LONGEST_ANSWER = 10_000
LARGEST = 200_000
"""Characters of all questions and choices of a prompt, and of all its answers."""
WIDEST = 10**15
SHOWN = 20
"""How many choices a sentence names."""
WHOLE = re.compile(r"[+-]?[0-9]{1,16}", re.ASCII)
EXAMPLE = '[{"prompt": "Why?", "options": {"type": "message"}}]'
AT_ONCE = "answer all of them at once, in their order"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question: a choice from a list, a message, or a whole number of a range."""

    prompt: str
    kind: str
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    required: bool = True
    """Whether an empty answer is none."""

    def shape(self) -> dict[str, Any]:
        """Return the question as it is shown, stored and digested: an element of Splunk's form."""
        options: dict[str, Any] = {"type": self.kind, "required": self.required}
        if self.kind == "list":
            options["choices"] = list(self.choices)
        if self.kind == "range":
            options |= {"min": self.low, "max": self.high}
        return {"prompt": self.prompt, "options": options}

    @property
    def allowed(self) -> str:
        """What may be answered, in words."""
        if self.kind == "list":
            return f"one of: {_some(self.choices)}"
        return "your words" if self.kind == "message" else f"a whole number, {self._span}"

    @property
    def _span(self) -> str:
        return f"{self.low} to {self.high}"

    def answer(self, said: object, number: int = 1) -> Answer:
        """Return an answer in its one form; *number* is the question's, for who is refused."""
        if said is None or (isinstance(said, str) and not said.strip()):
            if self.required:
                raise _wrong(number, f"is empty; it must be {self.allowed}")
            return ""
        if isinstance(said, bool) or not isinstance(said, str | int | float):
            raise _wrong(number, f"must be a text or a number: {self.allowed}")
        if self.kind == "list":
            return self._chosen(str(said), number)
        return self._ranged(said, number) if self.kind == "range" else _message(str(said), number)

    def _chosen(self, said: str, number: int) -> str:
        found = chosen(said, self.choices)
        if found is None:
            raise _wrong(number, f"is {said[:80]!r}, which is none of: {_some(self.choices)}")
        return found

    def _ranged(self, said: str | float, number: int) -> int:
        value = _whole(said)
        if value is None or not self.low <= value <= self.high:
            text = str(said)[:80]
            raise _wrong(number, f"is {text!r}, which is no whole number from {self._span}")
        return value


def read(response_types: object) -> tuple[Question, ...]:
    """Read the questions of a prompt as Splunk's playbooks write them."""
    if response_types is None:
        return ()
    if not isinstance(response_types, list | tuple):
        raise BadInput("response_types", f"must be a list of questions, like {EXAMPLE}")
    if len(response_types) > MOST_QUESTIONS:
        raise BadInput(
            "response_types",
            f"holds {len(response_types):,} questions; a prompt may ask {MOST_QUESTIONS}",
        )
    found = tuple(_question(each, n) for n, each in enumerate(response_types, start=1))
    size = sum(len(q.prompt) + sum(map(len, q.choices)) for q in found)
    if size > LARGEST:
        raise BadInput(
            "response_types", f"holds {size:,} characters; a prompt may have {LARGEST:,}"
        )
    return found


def answers(
    approval: Mapping[str, Any], choice: str, responses: Sequence[object] | None
) -> list[Answer]:
    """Return what a person said to everything that an approval asks, each in its one form."""
    asked = read(approval["payload"].get("questions"))
    given = _given(max(1, len(asked)), choice, responses)
    options = list(approval["options"])
    if options or not asked:
        return [_choice(str(given[0]), options)]
    found = [q.answer(said, n) for n, (q, said) in enumerate(zip(asked, given, strict=True), 1)]
    if (size := sum(len(str(each)) for each in found)) > LARGEST:
        raise BadInput("responses", f"hold {size:,} characters; all may have {LARGEST:,}")
    return found


def told(responses: Sequence[Answer]) -> str:
    """Return answers as one text for people; a single one is that text itself."""
    if len(responses) == 1:
        return str(responses[0])
    return "; ".join(f"{number}: {each}" for number, each in enumerate(responses, start=1))


def chosen(said: str, choices: Iterable[str]) -> str | None:
    """Return the choice that was said: that very one, or the first that differs in case only."""
    known, bare = list(choices), said.strip()
    for exact in (said, bare):
        if exact in known:
            return exact
    return next((each for each in known if each.strip().lower() == bare.lower()), None)


def _given(wanted: int, choice: str, responses: Sequence[object] | None) -> Sequence[object]:
    if not responses and wanted == 1:
        return [choice]
    if not responses:
        raise BadInput("responses", f"are missing: {wanted} questions are asked; {AT_ONCE}")
    if len(responses) != wanted:
        asked = "1 question is" if wanted == 1 else f"{wanted} questions are"
        raise BadInput("responses", f"hold {len(responses)} answers, but {asked} asked: {AT_ONCE}")
    if choice and (wanted > 1 or str(responses[0]).strip().lower() != choice.strip().lower()):
        raise BadInput("choice", "and responses do not agree: give one of them")
    return responses


def _choice(said: str, options: Sequence[str]) -> str:
    if not options:
        if not said.strip():
            raise BadInput("choice", "must not be empty")
        return said
    found = chosen(said, options)
    if found is None:
        raise BadInput("choice", f"{said[:80]!r} is none of: {_some(options)}")
    return found


def _question(raw: object, number: int) -> Question:
    options = raw.get("options") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(options, Mapping):
        raise _unclear(number, f"must have prompt and options, like {EXAMPLE}")
    kind, required = options.get("type"), options.get("required")
    if kind not in KINDS:
        raise _unclear(
            number, f"has the type {str(kind)[:40]!r}: it must be list, message or range"
        )
    low, high = _bounds(options, number) if kind == "range" else (0, 0)
    return Question(
        prompt=_text(raw.get("prompt"), number),
        kind=str(kind),
        choices=_choices(options.get("choices"), number) if kind == "list" else (),
        low=low,
        high=high,
        required=required is None or bool(required),
    )


def _choices(raw: object, number: int) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple) or not raw:
        raise _unclear(number, 'is a list without choices: give them, like ["Yes", "No"]')
    if len(raw) > MOST_CHOICES:
        raise _unclear(number, f"has {len(raw):,} choices; it may have {MOST_CHOICES:,}")
    found = tuple(dict.fromkeys(_text(each, number) for each in raw))
    if not all(each.strip() for each in found):
        raise _unclear(number, "has an empty choice")
    return found


def _bounds(options: Mapping[Any, Any], number: int) -> tuple[int, int]:
    low, high = _whole(options.get("min")), _whole(options.get("max"))
    if low is None or high is None:
        raise _unclear(number, "is a range: its min and max must be whole numbers, like 1 and 100")
    if low >= high:
        raise _unclear(number, f"is a range from {low} to {high}: its min must be below its max")
    return low, high


def _text(raw: object, number: int) -> str:
    text = "" if raw is None else str(raw)
    if len(text) > LONGEST_TEXT:
        raise _unclear(number, f"has a text of {len(text):,} characters; {LONGEST_TEXT:,} may be")
    return text


def _message(said: str, number: int) -> str:
    if len(said) > LONGEST_ANSWER:
        raise _wrong(number, f"has {len(said):,} characters; it may have {LONGEST_ANSWER:,}")
    return said


def _whole(raw: object) -> int | None:
    """Return a whole number, however it was written, or None."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, float):
        return int(raw) if abs(raw) <= WIDEST and raw.is_integer() else None
    if isinstance(raw, int):
        return raw if abs(raw) <= WIDEST else None
    text = raw.strip() if isinstance(raw, str) else ""
    found = int(text) if WHOLE.fullmatch(text) else None
    return found if found is None or abs(found) <= WIDEST else None


def _some(choices: Sequence[str]) -> str:
    """Return the choices as one text, the first where they are many."""
    more = f", … ({len(choices):,} in all)" if len(choices) > SHOWN else ""
    return ", ".join(each[:80] for each in choices[:SHOWN]) + more


def _unclear(number: int, what: str) -> BadInput:
    return BadInput("response_types", f"question {number} {what}")


def _wrong(number: int, what: str) -> BadInput:
    return BadInput("responses", f"answer {number} {what}")
