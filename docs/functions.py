"""
Writes the page of each function of ``phantom.rules``, and the index by topic.

In: the functions, the code that they lead to, their examples and what those return.
Out: ``docs/reference/phantom/<function>.md`` and regions of ``docs/reference/phantom.md``.
Never: a parameter without its meaning, or an example that was not played.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import calls
import stage
from meanings import EVERYWHERE, OF, TOPICS

from soar.phantom import refused, rules
from soar.phantom.functions import KNOWN_ONLY, REFUSED, SILENT

ROLE = re.compile(r":(?:func|class|mod):(?=`)")
ALIASES = {
    "Done": "tuple[bool, str]",
    "Rows": "list[list[str]]",
    "Found": "tuple[bool, str, list[dict[str, Any]]]",
    "Matched": "tuple[list[int], list[dict[str, Any]]]",
    "list[Info]": "list[dict[str, Any]]",
    "arguments.Callback": "a block or its name",
    "Callable[[F], F]": "the block itself",
}
PLACES = {2: "(success, message)", 3: "(success, message, …)"}
PARAMETERS = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def topic(name: str) -> str:
    """Return under which heading a function stands: that of its module."""
    return TOPICS[getattr(rules, name).__module__.rpartition(".")[2]]


def index() -> str:
    """Return every function under its topic, with the first sentence of its promise."""
    lines: list[str] = []
    for heading in dict.fromkeys(TOPICS.values()):
        lines += [f"\n### {heading}\n", "| function | what it does |", "| --- | --- |"]
        for name in rules.__all__:
            if topic(name) == heading:
                first = promise(name).partition("\n\n")[0].replace("\n", " ")
                lines.append(f"| [`{name}`](phantom/{name}.md) | {_cell(first)} |")
    return "\n".join(lines)


def meaningless() -> str:
    """Return the names of Splunk's that say so when they are called, and why."""
    rows = ["| name | why it is not offered |", "| --- | --- |"]
    left = sorted(refused.NAMES - set(rules.__all__))
    return "\n".join([*rows, *(f"| `{name}` | {_cell(refused.why(name))} |" for name in left)])


def pages() -> dict[str, str]:
    """Return the page of each function by its file's name."""
    return {f"{name}.md": page(name) for name in rules.__all__}


def page(name: str) -> str:
    """Return the page of a function."""
    return "\n".join(_lines(name)).rstrip() + "\n"


def promise(name: str) -> str:
    """Return what a function's docstring promises."""
    return ROLE.sub("", inspect.getdoc(getattr(rules, name)) or "")


def _lines(name: str) -> Iterator[str]:
    function = getattr(rules, name)
    shown = [str(p.replace(annotation=inspect.Parameter.empty)) for p in _parameters(function)]
    yield f"# phantom.{name}\n"
    yield f"Generated from the code by `python docs/generate.py`. Topic: {topic(name)}.\n"
    yield f"```text\nphantom.{name}({', '.join(shown)})\n```\n"
    yield f"{promise(name)}\n"
    yield from _table(name)
    if not inspect.isclass(function):
        yield "## What it returns\n"
        yield f"{_returned(name)}\n"
    yield "## Errors\n"
    yield from (f"- {line}" for line in _errors(name))
    yield "\n## Example\n"
    yield "A test plays it to its end, on [the stage](../phantom.md#the-stage).\n"
    yield f"```python\n{stage.example(name).rstrip()}\n```\n"
    yield "All functions: [`phantom.rules`](../phantom.md#functions)."


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    found = inspect.signature(function).parameters.values()
    return [p for p in found if p.kind is not inspect.Parameter.VAR_KEYWORD]


def _table(name: str) -> Iterator[str]:
    function = getattr(rules, name)
    parameters = _parameters(function)
    if parameters:
        yield "| parameter | type | default | meaning |"
        yield "| --- | --- | --- | --- |"
    for one in parameters:
        default = "" if one.default is inspect.Parameter.empty else f"`{one.default!r}`"
        if one.default is inspect.Parameter.empty and one.kind not in PARAMETERS:
            default = "required"
        meaning = _cell(meaning_of(name, one.name))
        yield f"| `{one.name}` | {_type(one.annotation)} | {default} | {meaning} |"
    if _ignores(function):
        yield "\nFurther keywords of Splunk's are accepted; they change nothing."
    if parameters or _ignores(function):
        yield ""


def _ignores(function: Callable[..., Any]) -> bool:
    """Tell whether a function takes further keywords that no line of it reads."""
    found = inspect.signature(function).parameters.values()
    more = [p.name for p in found if p.kind is inspect.Parameter.VAR_KEYWORD]
    return bool(more) and not calls.read_names(function) & set(more)


def meaning_of(name: str, parameter: str) -> str:
    """Return what a parameter is for; one that no line reads is said to be not needed."""
    if (name, parameter) in OF:
        return OF[name, parameter]
    if parameter not in calls.read_names(getattr(rules, name)):
        return "Accepted; it changes nothing."
    return EVERYWHERE[parameter]


def _type(annotation: Any) -> str:
    text = ALIASES.get(str(annotation), str(annotation))
    text = re.sub(
        r"\b(Mapping|Sequence|Iterable)\[(str, )?(Mapping\[str, Any\]|str|Any)\]", _plain, text
    )
    return (
        "any" if text == "Any" else _cell(f"`{text}`" if re.search(r"[\[|]|^\w+$", text) else text)
    )


def _plain(found: re.Match[str]) -> str:
    return (
        "dict"
        if found[1] == "Mapping"
        else f"list[{'dict' if 'Mapping' in found[3] else found[3]}]"
    )


def _returned(name: str) -> str:
    annotation = str(inspect.signature(getattr(rules, name)).return_annotation)
    if annotation == "None":
        return "Nothing."
    text = ALIASES.get(annotation, annotation)
    text = "what the sentence above says" if text == "Any" else text
    places = re.fullmatch(r"tuple\[(bool, str.*)\]", text)
    said = f": {PLACES.get(text.count(',') + 1, PLACES[3])}" if places else ""
    returned = stage.play(name)[1]
    kind = f"{text}" if " " in text and "[" not in text else f"`{text}`"
    return f"{kind}{said}. In the example: {shape(returned[-1])}."


def shape(value: Any) -> str:
    """Return what a value is made of: of mappings their keys, of lists their first element."""
    match value:
        case dict():
            keys = ", ".join(f"`{key}`" for key in value)
            return f"a mapping with {keys}" if keys else "an empty mapping"
        case list() if value:
            return f"a list of {len(value)}, each {shape(value[0])}"
        case list():
            return "an empty list"
        case tuple():
            return f"({', '.join(map(shape, value))})"
        case bool() | None | int():
            return f"`{value}`"
        case str():
            drawn = len(value) > 30 and not set(value) - set("0123456789abcdef-")
            return "a text" if drawn or len(value) > 60 or "\n" in value else f"`{value!r}`"
    return f"a {type(value).__name__}"


def _errors(name: str) -> Iterator[str]:
    function = getattr(rules, name)
    found = calls.told(function)
    for kind, sentence in found.raised:
        yield f"Raises `{kind}`: {_ended(sentence)}"
    for sentence in found.declined:
        yield f"Answers `False`, and the run's log says: {_ended(sentence)}"
    for sentence in found.warned:
        yield f"Warns in the run's log: {_ended(sentence)}"
    if name in REFUSED:
        yield f"Raises `RuntimeError` inside a custom function: `phantom.{name}` steers a playbook."
    if name in SILENT:
        yield "Does nothing inside a custom function, and returns `None`."
    if name in KNOWN_ONLY:
        yield "Raises `ValueError` inside a custom function where nothing is known under the name."
    yield "Those of [every function](../phantom.md#errors-of-every-function)."


def _ended(sentence: str) -> str:
    return _cell(sentence) if sentence.endswith(("?", ".")) else f"{_cell(sentence)}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
