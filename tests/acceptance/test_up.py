"""`soar up`: the same pool without the script, reached by the command line beside it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

SOAR = str(Path(sys.executable).with_name("soar"))


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """`soar up` in a folder of its own, with the URLs it printed."""
    folder = tmp_path_factory.mktemp("up")
    process = subprocess.Popen(
        [SOAR, "up", "--json"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    doors = json.loads(process.stdout.readline())
    children = psutil.Process(process.pid).children(recursive=True)
    yield folder, doors
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert not [child for child in children if child.is_running()]
    assert not (folder / "data" / "running.env").exists()


def soar(folder: Path, *words: str, **more: Any) -> Any:
    """Run a command in that folder and return its JSON."""
    done = subprocess.run(
        [SOAR, *words, "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **more,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_the_doors_that_up_prints_are_open(up: tuple[Path, dict[str, str]]) -> None:
    """
    The page and REST answer, Flower asks for its password.
    """
    _, doors = up
    session = requests.Session()
    session.trust_env = False

    assert session.get(doors["web"], timeout=10).status_code == 200
    assert session.get(doors["rest"] + "version", timeout=10).status_code == 401
    assert session.get(doors["flower"], timeout=10).status_code == 401


def test_the_first_start_makes_an_administrator(up: tuple[Path, dict[str, str]]) -> None:
    """
    Its one-time password, printed once, leads to the page that sets a password of one's own.
    """
    folder, doors = up
    session = requests.Session()
    session.trust_env = False

    page = session.get(doors["web"] + "login", timeout=10).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    form = {"csrf": csrf, "username": doors["user"], "password": doors["one_time_password"]}
    answer = session.post(doors["web"] + "login", data=form, allow_redirects=False, timeout=30)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/password")
    assert soar(folder, "init") == {"user": None, "one_time_password": None}


def test_every_asset_of_the_lab_passes_its_connectivity_test(
    up: tuple[Path, dict[str, str]],
) -> None:
    """
    The command line, with no setting at all, reaches the installation that runs in its folder.
    """
    folder, _ = up

    assets = [asset["asset_name"] for asset in soar(folder, "asset", "list")]

    assert len(assets) == 9
    for name in assets:
        assert soar(folder, "asset", "test", name)


def test_an_alert_pushed_by_hand_is_asked_about_answered_and_reported(
    up: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """
    alert push, approvals, approve, runs, run show and report, as an analyst would use them.
    """
    from soar.demo.scene import cases

    folder, doors = up
    alert = tmp_path / "alert.json"
    alert.write_text(json.dumps(cases("by-hand")[0].alert))
    token = soar(folder, "token", "create", "ada", "--role", "soc_tier2", "--role", "Observer")[
        "token"
    ]

    soar(folder, "alert", "push", str(alert))
    question = eventually(lambda: soar(folder, "approvals"))[0]
    soar(
        folder,
        "approve",
        str(question["id"]),
        "Monitor Only",
        "--yes",
        "--token-file",
        "-",
        input=token,
    )
    runs = eventually(lambda: _ended(soar(folder, "runs")))
    container = runs[0].get("container_id") or runs[0]["container"]
    shown = soar(folder, "run", "show", str(runs[0]["id"]))
    report = json.dumps(soar(folder, "report", str(container)), ensure_ascii=False)

    assert shown
    assert "SOAR PLAYBOOK EXECUTION REPORT" in report
    assert "Monitor Only" in report
    rest = requests.get(
        doors["rest"] + "playbook_run",
        headers={"ph-auth-token": token},
        timeout=10,
        proxies={"http": ""},
    )
    assert rest.json()["count"] >= 2


def _ended(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return runs if runs and all(r["status"] in ("success", "failed") for r in runs) else []


def eventually(look: Any) -> Any:
    """Look until there is something to see, for a minute at most."""
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError("nothing to see after a minute")
