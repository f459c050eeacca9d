"""The one command, as somebody with a bare machine would give it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import IO

import psutil

from tests.integration.web.stage import Browser

SOAR = Path(sys.executable).with_name("soar")


def soar(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in an empty folder, with no terminal."""
    return subprocess.run(
        [str(SOAR), *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_the_demo_ends_every_case_as_the_labs_state_says_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    """
    Four cases are reported, what the reports say is true at the vendors, no process is left. The
    other answer is given where the wheel is tried (``.ci/run``).
    """
    done = soar(tmp_path, "demo", "--answer", "Isolate Host", "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["problems"] == []
    assert [r.splitlines()[0] for r in told["reports"]] == ["SOAR PLAYBOOK EXECUTION REPORT"] * 4
    assert sum("isolated" in report for report in told["reports"]) == 2
    assert not [p for p in psutil.process_iter(["cmdline"]) if _of(p, "soar-demo-")]


def test_the_demo_without_terminal_or_answer_says_what_to_give(tmp_path: Path) -> None:
    """
    One sentence, exit code 2, and nothing was started.
    """
    done = soar(tmp_path, "demo")

    assert done.returncode == 2
    assert done.stderr.strip() == (
        "error: --answer: is needed where there is no terminal, such as 'Isolate Host'"
    )


def test_the_demo_is_answered_in_the_browser_as_well_as_at_the_terminal(tmp_path: Path) -> None:
    """
    Two hosts are in question: the page isolates one, the terminal leaves the other alone.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(SOAR), "demo", "--json"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            assert demo.stderr is not None
            page, password = _asked(demo.stderr)
            _answer_in_the_browser(page, password, "Isolate Host")
            _asked(demo.stderr)
            os.write(ours, b"nonsense\n")
            os.write(ours, b"monitor only\n")
            told, _ = demo.communicate(timeout=120)
        finally:
            demo.terminate()
            os.close(ours)
            os.close(theirs)

    assert demo.returncode == 0
    found = json.loads(told)
    assert found["problems"] == []
    assert sum("isolated" in report for report in found["reports"]) == 1


def _asked(told: IO[str]) -> tuple[str, str]:
    """Read what the demo says until it asks; return the page and the password."""
    page = password = ""
    for line in told:
        page = line.partition("In the browser: ")[2].strip() or page
        password = line.partition("with the password ")[2].strip() or password
        if page and password:
            return page, password
    raise AssertionError("the demo never asked")


def _answer_in_the_browser(page: str, password: str, choice: str) -> None:
    """Sign in and fill the form in, as a browser does."""
    server, _, path = page.partition("/approvals/")
    browser = Browser(server)
    assert browser.sign_in("demo.analyst", password).status_code == 303
    done = browser.fill(f"/approvals/{path}", choice=choice, reason="seen")
    assert done.status_code == 303, done.text


def _of(process: psutil.Process, text: str) -> bool:
    return any(text in word for word in process.info["cmdline"] or [])
