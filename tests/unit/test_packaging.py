"""
What the image, Flower's options, the lock file, the Makefile and the CI script promise.
"""

from __future__ import annotations

import configparser
import os
import re
import stat
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def test_the_image_holds_no_secret_and_runs_as_an_ordinary_user() -> None:
    """
    The Dockerfile copies named files only, installs under constraints and ends as user soar.
    """
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and line[0] not in "# "]
    stages = "\n".join(" ".join(step) for step in steps).split("FROM ")[1:]

    assert len(stages) == 2, "a stage that builds and a stage that runs"
    assert "pip install --no-cache-dir -c constraints.txt" in stages[0]
    assert "pip" not in stages[1]
    assert [value for word, value in steps if word == "USER"] == ["soar"]
    assert steps[-1] == ["CMD", '["soar", "worker", "http"]']
    assert any(word == "HEALTHCHECK" for word, _ in steps)
    for word, value in steps:
        assert not (word in {"ENV", "ARG"} and re.search(r"PASSWORD|SECRET|KEY|TOKEN|AUTH", value))
        assert not (word in {"COPY", "ADD"} and (value.startswith(". ") or ".env" in value))


def test_the_builder_sees_what_it_copies_and_no_more() -> None:
    """
    The ignore file lets through exactly the files that the Dockerfile copies.
    """
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = set()
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= {source.removeprefix("./") for source in line.split()[1:-1]}

    assert ignored[1] == "*"
    assert allowed == copied


READ_FLOWER = """
import sys, flower.options
from tornado.options import options
options.parse_config_file(sys.argv[1])
task = type("Task", (), dict(args="(7,)", kwargs="{}", result="'x'", traceback="t", name="soar"))()
shown = options.format_task(task)
print(options.basic_auth, options.address, options.port, options.read_only, options.enable_events)
print(options.tasks_columns)
print(shown.name, shown.args, shown.kwargs, shown.result, shown.traceback)
"""


def flower(**environment: str) -> subprocess.CompletedProcess[str]:
    """Let Flower's own option parser read our file in this environment."""
    config = DEPLOY / "flower" / "flowerconfig.py"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ_FLOWER, str(config)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_flower_shows_no_contents_and_has_no_buttons() -> None:
    """
    Flower accepts our file: a login, loopback, read only, and no argument or result on a page.
    """
    shown = flower(SOAR_FLOWER_BASIC_AUTH="ada:s3cret", SOAR_FLOWER_PORT="5999")

    assert shown.stderr == ""
    first, columns, task = shown.stdout.splitlines()
    assert first == "['ada:s3cret'] 127.0.0.1 5999 True False"
    assert columns == "name,uuid,state,routing_key,received,started,runtime,worker"
    assert task == "soar None None None None"


@pytest.mark.parametrize("login", ["", "ada", "ada:", ":s3cret"])
def test_flower_refuses_to_start_without_a_login(login: str) -> None:
    """
    Without a user and a password Flower ends with a sentence that names the setting.
    """
    refused = flower(SOAR_FLOWER_BASIC_AUTH=login)

    assert refused.returncode == 1
    assert "set SOAR_FLOWER_BASIC_AUTH to USER:PASSWORD" in refused.stderr


def test_constraints_pin_everything_exactly() -> None:
    """
    Every line of constraints.txt is one package at one version: no URL, path or hash.
    """
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert len(lines) > 50
    for line in lines:
        assert re.fullmatch(r'[\w.-]+==[\w.+!-]+( ; python_full_version < "[\d.]+")?', line), line
    assert lines == sorted(lines, key=str.casefold)


def test_the_wheel_holds_what_the_packages_read() -> None:
    """
    Every file below soar that is no module matches a pattern of its package's data.
    """
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    patterns = re.split(r",\s*", setup["options.package_data"]["*"])
    files = [
        f for f in (ROOT / "soar").rglob("*") if f.is_file() and not f.suffix.startswith(".py")
    ]
    files += [ROOT / "soar" / "py.typed"]
    lost = []
    for file in files:
        package = next(folder for folder in file.parents if (folder / "__init__.py").exists())
        inside = file.relative_to(package).as_posix()
        if not any(inside.count("/") == p.count("/") and fnmatch(inside, p) for p in patterns):
            lost.append(file.relative_to(ROOT).as_posix())

    assert len(files) > 20
    assert lost == []


def test_the_makefile_explains_every_target() -> None:
    """
    `make help` lists every phony target, each with a sentence.
    """
    text = (ROOT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split())
    explained = set(re.findall(r"^([a-z]+):.*## \S", text, re.MULTILINE))

    assert phony == explained
    assert {"help", "install", "demo", "up", "test", "lint", "types", "contracts", "check"} <= phony


def test_the_ci_script_can_be_run() -> None:
    """
    .ci/run is executable, stops at the first error, and is valid bash.
    """
    script = ROOT / ".ci" / "run"

    assert script.stat().st_mode & stat.S_IXUSR
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", str(script)], check=True)
