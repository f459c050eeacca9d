"""
Writes the parts of the reference that the code already says.

In: settings, manifests, the phantom face, the tables of statuses, the sweep, the marked tests, the
addresses of REST and the built-in roles.
Out: the regions between ``<!-- generated: NAME -->`` and ``<!-- end -->`` in ``docs/reference``,
and a page per function in ``docs/reference/phantom``.
Never: a word by hand inside a region: ``--check`` names the pages where one differs.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import functions
import traps

from soar import catalog
from soar.api.app import create
from soar.api.door import Guarded
from soar.catalog import ActionSpec, AppSpec, FieldSpec
from soar.domain import states
from soar.domain.roles import AREAS, BUILT_IN, VERBS, permission
from soar.engine import sweep
from soar.settings import Settings
from soar.tasks.binding import function_of

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs/reference"
FUNCTIONS = REFERENCE / "phantom"
PAGES = ("settings.md", "actions.md", "phantom.md", "architecture.md", "traps.md", "rest.md")
REGION = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
SETTING = re.compile(r"#?(SOAR_[A-Z_]+)=")
METHODS = ("GET", "POST", "DELETE")
SECTION = re.compile(r"# -{3,} (.+?)(?: -{3,})?")


def settings() -> str:
    """Return every setting, in the order and words of ``deploy/env.example``."""
    lines: list[str] = []
    for section, names, meaning in _example():
        if section:
            lines += ["", f"### {section}", ""]
            lines += ["| variable | default | meaning |", "| --- | --- | --- |"]
        shown = "<br>".join(f"`{name}`" for name in names)
        lines.append(f"| {shown} | {'<br>'.join(map(_default, names))} | {meaning} |")
    return "\n".join(lines)


def _example() -> Iterator[tuple[str, list[str], str]]:
    """Read (section where a new one begins, variables, comment) of the example file."""
    section, comment, names = "", list[str](), list[str]()
    for line in [*(ROOT / "deploy/env.example").read_text().splitlines(), ""]:
        setting = SETTING.match(line)
        if setting:
            names += [setting[1]] if _field(setting[1]) in Settings.model_fields else []
            continue
        if names:
            yield section, names, _cell(" ".join(comment))
            section, comment, names = "", [], []
        title = SECTION.fullmatch(line)
        if title:
            section, comment = title[1].capitalize(), []
        elif line.startswith("# "):
            comment.append(line[2:])
        else:
            comment = []


def _field(variable: str) -> str:
    return variable.removeprefix("SOAR_").lower()


def _default(variable: str) -> str:
    value = Settings.model_fields[_field(variable)].default
    plain = getattr(value, "get_secret_value", lambda: value)()
    return "" if plain in ("", None) else f"`{plain}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def actions() -> str:
    """Return every app with its settings and actions, as the manifests state them."""
    return "\n".join(line for app in catalog.load().apps for line in _app(app))


def _app(app: AppSpec) -> Iterator[str]:
    yield f"\n## {app.name}\n"
    yield f"`soar/tasks/{app.slug}`, version {app.version}. Settings of its assets:\n"
    yield from _fields("setting", app.settings)
    for spec in app.actions:
        yield from _action(spec)


def _action(spec: ActionSpec) -> Iterator[str]:
    yield f"\n### {spec.name} ({spec.app})\n"
    yield f"{spec.description}.\n"
    facts = [f"Task `{spec.task_name}`", f"type `{spec.kind}`"]
    facts.append("reads only" if spec.read_only else "writes")
    if spec.high_impact:
        facts.append("**high impact: held until a person has decided**")
    if spec.undo:
        facts.append(f"undone by `{spec.undo}`")
    if spec.target:
        facts.append("calls with the same target share one effect")
    if getattr(function_of(spec), "__soar_verify__", None):
        facts.append("verified at the vendor before it is sent again")
    if spec.requests > 1:
        facts.append(f"takes {spec.requests} calls of the asset's budget")
    if spec.freshness:
        facts.append(f"{_freshness(spec)}: an equal lookup gets that answer")
    yield "; ".join(facts) + "."
    if spec.parameters:
        yield ""
        yield from _fields("parameter", spec.parameters)


def _freshness(spec: ActionSpec) -> str:
    """Return for how long an answer holds, in words."""
    if set(spec.freshness) == {"any"}:
        return f"an answer holds {spec.freshness['any']} s"
    spans = [f"{'otherwise' if v == 'any' else v} {s} s" for v, s in spec.freshness.items()]
    return f"an answer holds by its verdict ({', '.join(spans)})"


def _fields(what: str, fields: Iterable[FieldSpec]) -> Iterator[str]:
    yield f"| {what} | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for field in fields:
        marks = [m for m, on in (("required", field.required), ("secret", field.secret)) if on]
        kind = ", ".join([field.type, *marks])
        default = "" if field.default is None else f"`{field.default}`"
        holds = f" (holds: {', '.join(field.contains)})" if field.contains else ""
        yield f"| `{field.name}` | {kind} | {default} | {_cell(field.description)}{holds} |"


def diagrams() -> str:
    """Return each table of legal moves as a diagram, with the meaning of its statuses."""
    tables: tuple[tuple[str, Any, Any], ...] = (
        ("Playbook run", states.RunStatus, states.RUN_MOVES),
        ("Action run", states.ActionStatus, states.ACTION_MOVES),
        ("App run", states.AppRunStatus, states.APP_RUN_MOVES),
        ("Effect", states.LedgerStatus, states.LEDGER_MOVES),
        ("Approval", states.ApprovalStatus, states.APPROVAL_MOVES),
    )
    return "\n".join(_diagram(*table) for table in tables)


def _diagram(
    title: str, statuses: type[StrEnum], table: Mapping[StrEnum, frozenset[StrEnum]]
) -> str:
    first = next(iter(statuses))
    lines = [f"    [*] --> {first.value}"]
    for status in statuses:
        lines += [f"    {status.value} --> {t.value}" for t in statuses if t in table[status]]
        if not table[status]:
            lines.append(f"    {status.value} --> [*]")
    drawn = "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])
    return f"\n### {title}\n\n{inspect.getdoc(statuses)}\n\n{drawn}"


def rules_of_the_sweep() -> str:
    """Return what the sweep does, rule by rule, with the seconds that it waits."""
    rows = ["| rule | what it does |", "| --- | --- |"]
    for name, function in vars(sweep.Sweep).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            rows.append(f"| `{name}` | {_cell(inspect.getdoc(function) or '')} |")
    waits = [
        f"`{name}` = {value}" for name, value in vars(sweep).items() if name.endswith("_SECONDS")
    ]
    return "\n".join([*rows, "", f"It waits first: {', '.join(waits)}."])


def permissions() -> str:
    """Return each permission with the addresses that need it, and those that need none."""
    guarded = [r for r in create(cast(Any, None)).routes if isinstance(r, Guarded)]
    needing, free = dict[str, list[str]](), list[str]()
    for route in guarded:
        for method in sorted((route.methods or set()) - {"HEAD"}, key=METHODS.index):
            needed, address = route.needs.of(method), f"{method} `{route.path}`"
            if needed:
                needing.setdefault(permission(needed[1], needed[0]), []).append(address)
            else:
                free.append(f"| {address} | {route.needs.why} |")
    rows = [f"| {needed} | {', '.join(needing[needed])} |" for needed in sorted(needing)]
    head = ["| permission | what needs it |", "| --- | --- |"]
    return "\n".join([*head, *rows, "", "| only a token | why |", "| --- | --- |", *free])


def roles() -> str:
    """Return the built-in roles: for each verb the areas."""
    rows = [
        "| role | id | view | edit | delete | execute |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for role in BUILT_IN.values():
        cells = [_areas(role.permissions, verb) for verb in VERBS]
        rows.append(f"| `{role.name}` | {role.id} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", f"Areas: {', '.join(f'`{area}`' for area in AREAS)}."])


def _areas(permissions: frozenset[str], verb: str) -> str:
    found = [area for area in AREAS if permission(verb, area) in permissions]
    return "all" if len(found) == len(AREAS) else ", ".join(f"`{area}`" for area in found)


REGIONS: Mapping[str, Callable[[], str]] = {
    "settings": settings,
    "actions": actions,
    "functions": functions.index,
    "meaningless": functions.meaningless,
    "diagrams": diagrams,
    "sweep": rules_of_the_sweep,
    "traps": traps.table,
    "permissions": permissions,
    "roles": roles,
}


def rendered(page: str) -> str:
    """Return a page with every region written anew."""

    def write(region: re.Match[str]) -> str:
        return f"{region[1]}{REGIONS[region[2]]().strip()}\n{region[4]}"

    return REGION.sub(write, (REFERENCE / page).read_text())


def texts() -> dict[Path, str]:
    """Return what every page is to hold, by its file."""
    own = {FUNCTIONS / name: text for name, text in functions.pages().items()}
    return {**{REFERENCE / page: rendered(page) for page in PAGES}, **own}


def left_over(current: Iterable[Path]) -> list[Path]:
    """Return pages of functions that are no more."""
    return sorted(set(FUNCTIONS.glob("*.md")) - set(current))


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` say which are not current."""
    wanted = texts()
    gone = left_over(wanted)
    stale = [f for f, text in wanted.items() if not f.exists() or f.read_text() != text]
    if arguments == ["--check"]:
        names = ", ".join(file.relative_to(REFERENCE).as_posix() for file in [*stale, *gone])
        if names:
            print(f"not current: {names}; run: python docs/generate.py", file=sys.stderr)
        return 1 if names else 0
    for file in stale:
        file.parent.mkdir(exist_ok=True)
        file.write_text(wanted[file])
    for file in gone:
        file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
