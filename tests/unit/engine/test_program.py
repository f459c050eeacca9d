"""
Programs and activations: a playbook's text, loaded; its blocks, called; its mistakes, told.

In: the text of playbooks. Out: nothing. Never: an exception of an author in the engine.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from soar.domain.commands import AddNote
from soar.engine import program as programs
from soar.engine import vault_paths
from soar.engine.activation import Activation, activate
from soar.engine.program import BadPlaybook, MissingBlock, Undefined, load, undefined_callbacks
from soar.phantom.desk import View

IMPORT = "import phantom.rules as phantom\n"
FIVE = ("action", True, {"id": 1}, ["result"], "handle")


class NoReader:
    """A reader of which nothing is asked."""

    def container(self, container_id: int) -> dict[str, Any]:
        """Refuse."""
        raise LookupError(container_id)

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Refuse."""
        raise LookupError(container_id)

    def new_artifact_id(self) -> int:
        """Refuse."""
        raise LookupError


VIEW = View(
    run_id=1,
    playbook="tested",
    container={"id": 1, "artifacts": []},
    run_data={},
    inputs={},
    delivered=frozenset(),
    reader=NoReader(),
)


def called(source: str, *positional: Any, **keywords: Any) -> Any:
    """Return what the block ``on_start`` of a playbook returns."""
    return load("tested", source).call("on_start", positional, keywords)


def run(source: str, *positional: Any, keywords: Mapping[str, Any] | None = None) -> Activation:
    """Return what the block ``on_start`` of a playbook came to."""
    return activate(load("tested", source), "on_start", positional, VIEW, keywords)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def on_start(container)\n    pass", "playbook 'tested', line 1: expected ':'"),
        ("x = 1\n  y = 2", "playbook 'tested', line 2: unexpected indent"),
        ("x = '\x00'", "playbook 'tested': source code string cannot contain null bytes"),
        ("x = 1\n1 / 0", "cannot be loaded: line 2: ZeroDivisionError: division by zero"),
        ("raise SystemExit(2)", "cannot be loaded: line 1: SystemExit: 2"),
        ("import nowhere_at_all", "line 1: ModuleNotFoundError: No module named"),
        ("-" * 100_000 + "1", "playbook 'tested'"),
    ],
    ids=["syntax", "indent", "nul", "module level", "exit", "import", "nested"],
)
def test_a_playbook_that_cannot_be_loaded_says_where(source: str, sentence: str) -> None:
    """
    One sentence, with the line where there is one.
    """
    with pytest.raises(BadPlaybook) as raised:
        load("tested", source)

    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("", ()),
        ("action", FIVE[:1]),
        ("action, success, container", FIVE[:3]),
        ("action, success, container, results, handle", FIVE),
        ("action, success, container, results, handle, extra=None", (*FIVE, None)),
        ("action, /, success", FIVE[:2]),
        ("*given", (FIVE,)),
    ],
)
def test_a_block_gets_as_many_positionals_as_it_takes(
    signature: str, expected: tuple[Any, ...]
) -> None:
    """
    Splunk's five, or the first of them.
    """
    names = [p.partition("=")[0].strip(" *") for p in signature.split(",") if p.strip(" /")]
    source = f"def on_start({signature}):\n    return ({''.join(f'{n}, ' for n in names)})\n"

    assert called(source, *FIVE) == expected


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("container", {}),
        ("container, custom_function=None", {"custom_function": 1}),
        ("container, *, filtered_results=None", {"filtered_results": 2}),
        ("container, **more", {"custom_function": 1, "filtered_results": 2}),
    ],
)
def test_a_block_gets_the_keywords_that_it_accepts(
    signature: str, expected: dict[str, int]
) -> None:
    """
    Names that a block does not know are not forced on it.
    """
    source = (
        f"def on_start({signature}):\n"
        "    found = dict(locals())\n"
        "    del found['container']\n"
        "    return found.pop('more', found)\n"
    )

    assert called(source, "c", custom_function=1, filtered_results=2) == expected


@pytest.mark.parametrize("name", ["gone", "on_start.x", "THING", "Class", "json"])
def test_only_a_function_of_the_playbook_is_a_block(name: str) -> None:
    """
    A value, a class or a module is none, and the sentence says what to do.
    """
    program = load("tested", "import json\nTHING = 1\nclass Class:\n    pass\ndef on_start(): pass")

    with pytest.raises(MissingBlock, match="define a function of that name, or remove"):
        program.call(name, (), {})


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("phantom.act('x', callback=gone)", ["gone"]),
        ("phantom.act('x', callback=gone)\nphantom.act('y', callback=gone)", ["gone"]),
        ("def f():\n    phantom.act('x', callback=later)\ndef later(): pass", []),
        ("def f():\n    local = f\n    phantom.act('x', callback=local)", []),
        ("def f(given):\n    phantom.act('x', callback=given)", []),
        ("def f(*many, **more):\n    phantom.act('x', callback=more)", []),
        ("from somewhere import block\nphantom.act('x', callback=block)", []),
        ("import a.b\nphantom.act('x', callback=a)", []),
        ("import a.b as c\nphantom.act('x', callback=c)", []),
        ("phantom.act('x', callback=print)", []),
        ("phantom.act('x', callback=None)", []),
        ("phantom.act('x', callback='a name')", []),
        ("phantom.act('x', callback=module.block)", []),
        ("class Block: pass\nphantom.act('x', callback=Block)", []),
        ("for block in (): phantom.act('x', callback=block)", []),
    ],
)  # fmt: skip
def test_a_callback_that_nothing_defines_is_found(source: str, missing: list[str]) -> None:
    """
    A local, a parameter, an import or a builtin is defined; a name from nowhere is not.
    """
    assert undefined_callbacks(ast.parse(source)) == missing


def test_an_undefined_callback_is_carried_as_its_name() -> None:
    """
    The block that names it still runs, so that the run can say what is missing.
    """
    program = load("tested", IMPORT + "def on_start(c):\n    phantom.act('x', callback=gone)\n")

    assert program.namespace["gone"] == Undefined("gone")
    assert not program.has("gone")


@pytest.mark.parametrize(
    "source",
    [
        IMPORT,
        "import json\nimport re\nfrom datetime import datetime",
        "from urllib.parse import urlsplit",
        "import urllib.parse",
        "from urllib import parse",
        "import collections.abc",
        "from soar.domain import indicators",
        "from soar import domain",
    ],
)
def test_a_playbook_that_can_only_ask_is_pure(source: str) -> None:
    """
    What it imports only computes.
    """
    assert load("tested", source).pure


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import requests",
        "import urllib.request",
        "from urllib import request",
        "import json, socket",
        "def on_start(c):\n    import subprocess",
        "def on_start(c):\n    open('x')",
        "def on_start(c):\n    __import__('os')",
        "def on_start(c):\n    eval('1')",
        "from soar import connector",
        "import soar.store.database",
    ],
)
def test_a_playbook_that_could_act_by_itself_is_not_pure(source: str) -> None:
    """
    One import or name that could act is enough, wherever it stands.
    """
    assert not load("tested", source).pure


def test_what_was_asked_before_an_exception_is_kept() -> None:
    """
    The error names the block, the line and the kind.
    """
    done = run(
        IMPORT + "def on_start(container):\n    phantom.comment(comment='a')\n    helper()\n"
        "def helper():\n    return {}['key']\n",
        {"id": 1},
    )

    assert done.commands == (AddNote(container_id=1, content="a"),)
    assert done.error == "block 'on_start' failed: line 6: KeyError: 'key'"


@pytest.mark.parametrize("statement", ["raise SystemExit(1)", "import sys; sys.exit(1)", "exit(1)"])
def test_a_block_that_exits_is_a_failed_block(statement: str) -> None:
    """
    It takes no process with it.
    """
    done = run(f"def on_start(container):\n    {statement}\n", {"id": 1})

    assert done.error.startswith("block 'on_start' failed: line 2: SystemExit")


def test_a_block_that_does_not_exist_is_an_error_and_asks_nothing() -> None:
    """
    The activation carries the sentence.
    """
    done = activate(load("tested", "x = 1"), "on_start", (), VIEW)

    assert done == Activation(
        commands=(),
        error="callback 'on_start' does not exist in playbook 'tested': define a function of that"
        " name, or remove the callback",
    )


def test_a_block_that_runs_twice_asks_twice_and_leaves_nothing_in_between() -> None:
    """
    Every activation has a desk of its own.
    """
    source = IMPORT + "def on_start(container):\n    phantom.comment(comment='a')\n"

    assert run(source, {"id": 1}) == run(source, {"id": 1})


def test_keywords_reach_the_block() -> None:
    """
    As Splunk's newer blocks expect.
    """
    source = IMPORT + "def on_start(container, inputs=None):\n    phantom.comment(comment=inputs)\n"

    done = run(source, {"id": 1}, keywords={"inputs": "x", "unknown": 1})

    assert done.commands == (AddNote(container_id=1, content="x"),)


@pytest.mark.parametrize(
    "statement",
    [
        "os.fork()",
        "pty.fork()",
        "os.system('true')",
        "os.popen('true')",
        "os.execv('/bin/true', ['true'])",
        "os.execlp('true', 'true')",
        "os.spawnl(os.P_WAIT, '/bin/true', 'true')",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "subprocess.run(['true'])",
        "subprocess.run(['true'], close_fds=False)",
        "multiprocessing.get_context('fork').Process(target=print).start()",
        "multiprocessing.get_context('spawn').Process(target=print).start()",
    ],
)
def test_a_block_that_starts_a_process_is_stopped(statement: str) -> None:
    """
    With the line, however it is done; what it asked before stays asked, and others may start one.
    """
    source = (
        "import multiprocessing, os, pty, subprocess\nimport phantom.rules as phantom\n"
        "def on_start():\n    phantom.debug('before')\n    try:\n"
        f"        {statement}\n    except Exception:\n        pass\n    phantom.debug('after')\n"
    )
    done = run(source)

    assert done.error.startswith("block 'on_start' was stopped: line 6: it tried to ")
    assert done.error.endswith(("start a process", "touch the signals of its process"))
    assert [command.message for command in done.commands] == ["before"]
    assert subprocess.run(["true"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("threading.Thread(target=print).start()", "start a thread"),
        ("threading.Timer(1, print).start()", "start a thread"),
        ("_thread.start_new_thread(print, ())", "start a thread"),
        ("futures.ThreadPoolExecutor(1).submit(print)", "start a thread"),
        ("signal.setitimer(signal.ITIMER_REAL, 0)", "touch the signals of its process"),
        ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "touch the signals of its process"),
        ("signal.alarm(0)", "touch the signals of its process"),
        ("os.kill(os.getppid(), 9)", "send a signal"),
        (
            "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
            "touch the limits of its process",
        ),
    ],
)
def test_a_block_that_reaches_beyond_its_end_is_stopped(statement: str, what: str) -> None:
    """
    A thread would go on after it, and without its alarm nothing would end it.
    """
    source = (
        "import _thread, os, resource, signal, threading\nfrom concurrent import futures\n"
        "def on_start():\n    try:\n"
        f"        {statement}\n    except Exception:\n        pass\n"
    )

    assert run(source).error == f"block 'on_start' was stopped: line 5: it tried to {what}"


@pytest.mark.parametrize("raised", ["GeneratorExit", "type('Own', (BaseException,), {})"])
def test_whatever_a_block_raises_fails_it(raised: str) -> None:
    """
    Also what is no error by its kind; its line is named.
    """
    done = run(f"def on_start():\n    raise {raised}\n")

    assert done.error.startswith("block 'on_start' failed: line 2: ")


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("while True: pass", "it ran longer than 0.1 s while it was read"),
        ("import os; os.fork()", "line 1: it tried to start a process while it was read"),
        ("raise GeneratorExit", "cannot be loaded: line 1: GeneratorExit"),
    ],
)
def test_a_playbook_that_does_not_stop_while_it_is_read_is_stopped(
    monkeypatch: pytest.MonkeyPatch, statement: str, why: str
) -> None:
    """
    Its module level has no more time and may do no more than a block.
    """
    monkeypatch.setattr(programs, "LOAD_SECONDS", 0.1)

    with pytest.raises(BadPlaybook, match=why):
        load("sample", statement)


def test_a_block_that_writes_endless_lines_is_stopped() -> None:
    """
    Each line is cut, and all together are bounded, too.
    """
    done = run("def on_start():\n    while True:\n        print('x' * 30_000)\n")

    assert "a block may write at most 2,000,000 letters into its log" in done.error
    assert {len(command.message) for command in done.commands} == {20_000}
    assert len(done.commands) == 100


def test_what_a_block_prints_stands_in_the_log_of_its_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    And what it prints into something of its own stands there.
    """
    source = (
        "import io, sys\nprint('loaded')\ndef on_start():\n    print('a', 1, sep='-')\n"
        "    print('b', file=sys.stderr, flush=True)\n    print()\n"
        "    own = io.StringIO()\n    print('c', 'd', file=own)\n"
        "    print(own.getvalue().strip())\n"
    )
    done = run(source)

    assert [(c.level, c.message) for c in done.commands] == [
        ("debug", "a-1"),
        ("debug", "b"),
        ("debug", ""),
        ("debug", "c d"),
    ]
    assert capsys.readouterr() == ("", "")


def test_a_block_that_floods_the_log_is_stopped() -> None:
    """
    Its run fails with the reason, and keeps the first lines.
    """
    done = run("def on_start():\n    while True:\n        print('again')\n")

    assert "a block may ask for at most 10,000 things" in done.error
    assert len(done.commands) == 10_000


def test_a_global_that_splunk_lends_is_there_when_a_playbook_is_read() -> None:
    """
    ``def f(container=container)`` at module level: the default stands for the run's container.
    """
    assert (
        called("def f(container=container):\n    return container\ndef on_start():\n    return f()")
        is None
    )


def test_tabs_among_spaces_are_read_as_python_2_read_them() -> None:
    """
    A tab reaches to the next eighth column; tabs inside a line, and in its texts, stay.
    """
    source = "def on_start():\n        x = 'a\tb'\n\tif x:\n\t    return x\n        return ''\n"

    assert called(source) == "a\tb"


def test_simplejson_is_json_where_it_is_not_installed() -> None:
    """
    Playbooks of the first releases import it.
    """
    assert called("import simplejson\ndef on_start():\n    return simplejson.loads('[1]')") == [1]


@pytest.mark.parametrize(
    "written",
    [
        "'/opt/phantom/vault/tmp/{}'.format(name)",
        "f'/opt/phantom/vault/tmp/{name}'",
        "str(pathlib.Path('/opt/phantom/vault/tmp/') / name)",
        "'/opt/phantom/vault/tmp' + '/' + name",
    ],
)
def test_splunks_folder_for_files_is_the_blocks_own(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    However its name is written inside a function; what only mentions it stays.
    """
    monkeypatch.setattr(vault_paths.Vault, "get_vault_tmp_dir", lambda: "/own")
    source = (
        f"import pathlib\nABOUT = '/opt/phantom/vault/tmp'\n# {written}\ndef on_start():\n"
        f"    '/opt/phantom/vault/tmp/doc'\n    name = 'a'\n    return {written}, ABOUT\n"
    )

    assert called(source) == ("/own/a", "/opt/phantom/vault/tmp")
