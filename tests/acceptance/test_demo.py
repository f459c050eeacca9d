"""The one command, as somebody with a bare machine would give it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil

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


def _of(process: psutil.Process, text: str) -> bool:
    return any(text in word for word in process.info["cmdline"] or [])
