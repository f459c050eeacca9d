"""
The documentation is true: what the code has is in it, and what it shows works.

In: the pages, and the code they speak of. Out: a failure that names the page and the gap.
Never: a network, or a server.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from soar import catalog, triggers
from soar.cli import app as command_line
from soar.domain import states
from soar.domain.commands import Act, AddNote, Command, UpdateContainer
from soar.engine.activation import activate
from soar.engine.program import Program, load
from soar.engine.sweep import Sweep
from soar.ingest.accept import parse
from soar.phantom import rules
from soar.phantom.desk import View
from soar.phantom.results import of_calls
from soar.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("soar/tasks/*/README.md")]
)
DECISIONS = sorted(ROOT.glob("docs/adr/*.md"))
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")
STATUSES = (
    states.RunStatus,
    states.ActionStatus,
    states.AppRunStatus,
    states.ApprovalStatus,
    states.ParkedFor,
)
every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)


def page(name: str) -> str:
    """Return the text of a page."""
    return (ROOT / name).read_text()


def blocks(language: str, *names: str) -> list[tuple[str, str]]:
    """Return (page, text) of every code block of a language, on all pages or on some."""
    files = [ROOT / name for name in names] or PAGES
    return [
        (file.relative_to(ROOT).as_posix(), found[3])
        for file in files
        for found in BLOCK.finditer(file.read_text())
        if found[2] == language
    ]


def playbooks() -> list[tuple[str, str]]:
    """Return every playbook that the pages show."""
    return [(name, text) for name, text in blocks("python") if "import phantom.rules" in text]


def calls_of_soar() -> Iterator[tuple[str, list[str], bool]]:
    """Return (page, words, whether in a sentence) of every call of ``soar`` on the pages."""
    for name, text in blocks("console"):
        for line in text.splitlines():
            for call in re.findall(r"(?:^\$ |\$\(|\()(soar [^;|)<>]+)", line.strip()):
                yield name, shlex.split(call), False
    for file in PAGES:
        for call in re.findall(r"(?<!`)`(soar [^`\n…]+)`(?!`)", file.read_text()):
            yield file.relative_to(ROOT).as_posix(), shlex.split(call), True


def test_the_generated_pages_are_current() -> None:
    """
    ``python docs/generate.py --check`` finds nothing to write.
    """
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr


def test_every_setting_is_documented() -> None:
    """
    An operator finds each variable that a process reads.
    """
    text = page("docs/reference/settings.md")

    missing = [n for n in Settings.model_fields if f"`SOAR_{n.upper()}`" not in text]
    assert missing == []


def test_every_action_is_documented() -> None:
    """
    The reference has every action with its task and its parameters.
    """
    text = page("docs/reference/actions.md")

    missing = [s.task_name for s in catalog.load().actions if f"`{s.task_name}`" not in text]
    assert missing == []


def test_every_phantom_function_is_documented() -> None:
    """
    A playbook author finds every function with its promise, and nothing else is offered.
    """
    text = page("docs/reference/phantom.md")
    pages = {file.stem for file in ROOT.glob("docs/reference/phantom/*.md")}
    offered = [n for n, value in vars(rules).items() if callable(value) and _is_ours(n, value)]

    assert [name for name in rules.__all__ if f"](phantom/{name}.md)" not in text] == []
    assert [name for name in rules.__all__ if not getattr(rules, name).__doc__] == []
    assert sorted(pages) == sorted(offered) == sorted(rules.__all__)


def test_every_test_that_a_decision_names_exists() -> None:
    """
    A decision on the page of functions is held by the test that it names.
    """
    text = page("docs/reference/phantom.md")
    tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", text)

    assert named
    assert [name for name in named if f"def {name}(" not in tests] == []


def _is_ours(name: str, value: Any) -> bool:
    module = str(getattr(value, "__module__", ""))
    return not name.startswith("_") and module.startswith("soar.phantom.")


def test_every_status_is_documented() -> None:
    """
    The diagrams have every status that the store may hold.
    """
    text = page("docs/reference/architecture.md")

    missing = [s for kind in STATUSES for s in kind if not re.search(rf"\b{s.value}\b", text)]
    assert missing == []


def test_every_rule_of_the_sweep_is_documented() -> None:
    """
    The page on recovery names every rule that moves what a crash has left.
    """
    text = page("docs/reference/architecture.md")
    names = [name for name in vars(Sweep) if not name.startswith("_") and name not in _FIELDS]

    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


_FIELDS = frozenset(Sweep.__dataclass_fields__)


def test_every_dependency_has_its_reason() -> None:
    """
    Each package of ``setup.cfg`` stands in the decision on dependencies.
    """
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lists = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    names = re.findall(r"^([A-Za-z][\w-]*)", "\n".join(lists), re.MULTILINE)
    names = [n for n in names if not n.startswith(("types-", "pytest-")) and n != "celery-types"]
    text = page("docs/adr/0008-dependencies.md").lower()

    assert [name for name in names if name.lower() not in text] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda file: file.stem)
def test_every_decision_has_the_same_form(decision: Path) -> None:
    """
    A decision says its context, what was decided and what follows, in under 40 lines.
    """
    text = decision.read_text()

    assert text.startswith(f"# {int(decision.name[:4])}. ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) < 40


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    """
    A link to a file of ours leads to a file that is there.
    """
    targets = LINK.findall(page.read_text())

    assert [link for link in targets if not (page.parent / link).exists()] == []


@every_page
def test_no_page_speaks_of_somebodys_own_machine(page: Path) -> None:
    """
    A page holds for every clone: no home and no absolute folder of an author stands in it.
    """
    assert re.findall(r"(?<![\w.])(?:/home/|/root/|\.\./shared)\S*", page.read_text()) == []


@pytest.mark.parametrize(
    ("name", "text"), playbooks(), ids=lambda v: v if v.endswith(".md") else ""
)
def test_every_playbook_on_a_page_can_be_loaded(name: str, text: str) -> None:
    """
    A playbook that a reader copies loads, and each callback it names exists.
    """
    program = load("page", text)

    assert program.has("on_start"), name
    for callback in re.findall(r"callback=(\w+)", text):
        assert program.has(callback), f"{name}: {callback}"


def test_every_piece_of_python_on_a_page_can_be_read() -> None:
    """
    What is not a playbook at least runs to its end as a module.
    """
    for name, text in blocks("python"):
        if "import phantom.rules" not in text:
            exec(compile(text, name, "exec"), {"__name__": "page"})


def test_the_connector_on_the_page_fits_its_manifest() -> None:
    """
    The how-to's manifest can be read, and its functions are the ones that it names.
    """
    ((_, manifest),) = blocks("toml", "docs/howto/write-a-connector.md")
    ((_, code),) = blocks("python", "docs/howto/write-a-connector.md")
    namespace: dict[str, Any] = {"__name__": "page"}

    app = catalog.parse("acme", manifest)
    exec(compile(code, "actions.py", "exec"), namespace)

    marked = [n for n, v in namespace.items() if getattr(v, "__soar_action__", False)]
    assert marked == [spec.function for spec in app.actions]
    assert app.secrets == {"api_key"}


def test_the_trigger_and_the_alert_of_the_tutorial_fit_together() -> None:
    """
    The tutorial's trigger can be read, its alert too, and the one starts a playbook for the other.
    """
    texts = [text for _, text in blocks("json", "docs/tutorial.md")]
    trigger = triggers.parse(json.loads(texts[0]))
    alert = parse(texts[1], labels=Settings().label_list())

    assert trigger.playbook == "url_check"
    assert trigger.matches(alert.label, alert.severity)


def test_every_command_on_a_page_is_a_command() -> None:
    """
    Each ``soar …`` that a reader may copy exists, with the options that are shown.
    """
    root: Any = typer.main.get_command(command_line)
    shown = list(calls_of_soar())
    wrong = []
    for name, words, in_a_sentence in shown:
        command, rest = root, words[1:]
        while hasattr(command, "commands") and rest and rest[0] in command.commands:
            command, rest = command.commands[rest[0]], rest[1:]
        known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        unknown = [w for w in rest if w.startswith("--") and w.split("=")[0] not in known]
        group = hasattr(command, "commands") and not command.invoke_without_command
        incomplete = group and (bool(rest) or not in_a_sentence)
        if incomplete or unknown:
            wrong.append((name, " ".join(words)))

    assert len(shown) > 10
    assert wrong == []


def test_every_make_target_on_a_page_exists() -> None:
    """
    Each ``make …`` that a reader may copy is a target.
    """
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    shown = {
        (file.relative_to(ROOT).as_posix(), target)
        for file in PAGES
        for target in re.findall(r"(?:`|\$ )make ([a-z]+)", file.read_text())
    }

    assert shown
    assert sorted(s for s in shown if s[1] not in targets) == []


class NoReader:
    """A reader for blocks that read nothing but what lies on their desk."""

    def container(self, container_id: int) -> dict[str, Any]:
        """Refuse."""
        raise AssertionError

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Refuse."""
        raise AssertionError

    def new_artifact_id(self) -> int:
        """Refuse."""
        raise AssertionError

    def action_results(self, name: str | None = None, **_: Any) -> list[dict[str, Any]]:
        """Refuse."""
        raise AssertionError

    def custom_function_results(self, name: str) -> list[dict[str, Any]]:
        """Refuse."""
        raise AssertionError

    def playbook_outputs(self, name: str) -> list[dict[str, Any]]:
        """Refuse."""
        raise AssertionError

    def playbook_inputs(self, name: str) -> list[dict[str, Any]]:
        """Refuse."""
        raise AssertionError

    def custom_list(self, name: str) -> list[list[str]] | None:
        """Refuse."""
        raise AssertionError

    def kept(self, kind: str, name: str) -> Any:
        """Refuse."""
        raise AssertionError


CONTAINER: dict[str, Any] = {
    "id": 1,
    "name": "Proxy alert",
    "label": "malware",
    "severity": "medium",
    "artifacts": [
        {"id": 1, "cef": {"requestURL": "http://bad.example/"}},
        {"id": 2, "cef": {"requestURL": "http://good.example/"}},
        {"id": 3, "cef": {"sourceAddress": "192.0.2.1"}},
    ],
}


def ask(program: Program, block: str, *positional: Any) -> tuple[Command, ...]:
    """Run one block and return what it asked for."""
    view = View(
        run_id=1,
        playbook=program.name,
        container=CONTAINER,
        run_data={},
        inputs={},
        delivered=frozenset(),
        reader=NoReader(),
    )
    done = activate(program, block, positional, view)
    assert done.error == ""
    return done.commands


def looked_up(url: str, malicious: int) -> dict[str, Any]:
    """Return the row of a lookup that succeeded."""
    return {
        "id": 1,
        "action": "url reputation",
        "action_run_id": 1,
        "app": "virustotal",
        "asset": "virustotal_prod",
        "status": "success",
        "message": f"{malicious}/90 engines malicious",
        "parameters": {"url": url},
        "context": {},
        "summary": {"malicious": malicious},
        "data": [],
    }


def test_the_playbook_of_the_readme_does_what_it_says() -> None:
    """
    It looks both URLs up in one act; then it comments on each, and raises the severity for one.
    """
    ((_, text),) = [p for p in playbooks() if p[0] == "README.md"]
    program = load("readme", text)

    (act,) = ask(program, "on_start", CONTAINER)

    assert isinstance(act, Act)
    assert (act.action, act.assets, act.callback) == (
        "url reputation",
        ("virustotal_prod",),
        "judge",
    )
    assert act.parameters == ({"url": "http://bad.example/"}, {"url": "http://good.example/"})

    results = of_calls([looked_up("http://bad.example/", 14), looked_up("http://good.example/", 0)])
    first, second, change = ask(program, "judge", {}, True, CONTAINER, results, None)

    assert isinstance(first, AddNote)
    assert first.content == "http://bad.example/: 14/90 engines malicious"
    assert isinstance(second, AddNote)
    assert isinstance(change, UpdateContainer)
    assert change.changes == {"severity": "high"}


def test_the_playbook_of_the_readme_leaves_the_severity_of_a_clean_alert() -> None:
    """
    Where no URL is malicious it only comments.
    """
    ((_, text),) = [p for p in playbooks() if p[0] == "README.md"]
    results = of_calls([looked_up("http://good.example/", 0)])

    commands = ask(load("readme", text), "judge", {}, True, CONTAINER, results, None)

    assert [type(command) for command in commands] == [AddNote]
