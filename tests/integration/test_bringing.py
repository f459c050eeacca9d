"""
Playbooks from elsewhere on the command line: imported, checked, activated; nothing starts by it.

In: exports in files of the test. Out: nothing. Never: playbook code run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from soar import triggers
from soar.bootstrap import House
from soar.domain.model import NewContainer
from soar.engine.queueing import queue_run
from tests.integration.conftest import Soar

PLAYBOOK = "import phantom.rules as phantom\n\ndef on_start(container):\n    {body}\n"
FUNCTION = "def double(number=None, **kwargs):\n    return {'value': number * 2}\n"


def exported(folder: Path, *, body: str = "pass", **more: Any) -> Path:
    """Write an export: a playbook with a sidecar, a function, a list, and something broken."""
    sidecar = {"coa": {"data": {}, "playbook_type": "automation"}, "labels": ["events"], **more}
    for name, text in {
        "block.py": PLAYBOOK.format(body=body),
        "block.json": json.dumps(sidecar),
        "custom_functions/double.py": FUNCTION,
        "custom_lists/allowed.json": "[]",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def read(soar: Soar, *words: Any, code: int = 0) -> Any:
    """Run a command and return its document."""
    done = soar(*words, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def starts(house: House, label: str) -> list[str]:
    """Return the playbooks that a new container of this label starts."""
    with house.database.begin() as work:
        number, _ = work.containers.add(
            NewContainer(asset="t", source_id=label, name="x", label=label, severity="low")
        )
        assert number is not None
        runs = triggers.fire(work, number, label=label, severity="low")
        return [work.runs.get(run)["playbook"] for run in runs]


def test_an_export_is_imported_and_nothing_starts_because_of_it(
    soar: Soar, house: House, tmp_path: Path
) -> None:
    """
    Playbook and function become versions, the list is kept; the same again is
    no new version. Only activating makes a trigger, from the labels it operates on.
    """
    folder = exported(tmp_path)
    first = read(soar, "playbook", "import", folder, "--repo", "community")
    again = read(soar, "playbook", "import", folder, "--repo", "community")

    assert [(d["kind"], d["name"], d["new"]) for d in first] == [
        ("custom function", "double", True),
        ("playbook", "block", True),
        ("custom list", "allowed", True),
    ]
    assert not any(d["new"] for d in again)
    assert starts(house, "events") == []

    activated = read(soar, "playbook", "activate", "block")
    assert activated["labels"] == ["events"]
    assert starts(house, "others") == []
    with house.database.begin() as work:
        (trigger,) = work.assets.triggers()
        assert (trigger.playbook, trigger.labels, trigger.active) == ("block", ("events",), True)

    assert read(soar, "playbook", "deactivate", "block")["triggers"] == ["block operates on"]
    read(soar, "playbook", "deactivate", "block", code=3)
    (function,) = read(soar, "playbook", "functions")
    assert (function["repo"], function["name"]) == ("community", "double")
    with house.database.begin() as work:
        trail = work.containers._all("select what from audit order by id")
    assert [row["what"] for row in trail] == [
        "playbooks imported",
        "playbook activated",
        "playbook deactivated",
    ]


def test_a_playbook_for_every_label_is_started_by_any(
    soar: Soar, house: House, tmp_path: Path
) -> None:
    """
    Splunk writes a star for that.
    """
    read(soar, "playbook", "import", exported(tmp_path, labels=["*"]))
    assert starts(house, "events") == []

    read(soar, "playbook", "activate", "block")

    assert [starts(house, label) for label in ("others", "any at all")] == [["block"], ["block"]]


def test_a_run_in_flight_keeps_the_version_it_began_with(
    soar: Soar, house: House, tmp_path: Path
) -> None:
    """
    An import while it runs is for the next one.
    """
    read(soar, "playbook", "import", exported(tmp_path))
    with house.database.begin() as work:
        number, _ = work.containers.add(
            NewContainer(asset="t", source_id="1", name="x", label="x", severity="low")
        )
        playbook = work.playbooks.newest("community/block")
        run = queue_run(work, container_id=number, playbook=playbook, started_by="t")

    read(soar, "playbook", "import", exported(tmp_path, body="return"))

    with house.database.begin() as work:
        held = work.moves.hold(run)
        assert held is not None
        assert "pass" in held[0]["source"]
        assert "return" in work.playbooks.source(work.playbooks.newest("block")["id"])


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"coa": {"playbook_type": "data"}}, "needs inputs: only another one starts it"),
        ({"draft_mode": True}, "is a draft"),
        ({"labels": []}, "say when it starts with `soar trigger add`"),
    ],
)
def test_what_cannot_start_by_itself_cannot_be_activated(
    soar: Soar, tmp_path: Path, more: dict[str, Any], sentence: str
) -> None:
    """
    One sentence each.
    """
    read(soar, "playbook", "import", exported(tmp_path, **more))

    assert sentence in read(soar, "playbook", "activate", "block", code=2)["error"]


def test_one_broken_file_of_a_folder_is_said_and_the_others_are_imported(
    soar: Soar, tmp_path: Path
) -> None:
    """
    The exit code tells; a single file that cannot be used is refused as ever.
    """
    exported(tmp_path)
    (tmp_path / "broken.py").write_text("def on_start(c)\n")

    documents = read(soar, "playbook", "import", tmp_path, code=1)
    assert [d["name"] for d in documents if d.get("refused")] == ["broken.py"]
    assert "block" in [d["name"] for d in documents if d["id"]]

    refused = read(soar, "playbook", "import", tmp_path / "broken.py", code=2)
    assert "line 1" in refused["error"]


def test_a_check_compares_with_what_the_system_has_or_says_that_it_cannot(
    soar: Soar, tmp_path: Path
) -> None:
    """
    An unknown asset is known to be so only where there is a database; an error is exit code 1.
    """
    body = "phantom.act('ip reputation', assets=['nowhere'], callback=on_start)"
    folder = exported(tmp_path, body=body)

    document = read(soar, "playbook", "check", folder)
    assert [(f["line"], f["kind"]) for f in document["findings"]] == [(4, "unknown asset")]

    alone = soar("playbook", "check", folder, "--json", SOAR_DATABASE_URL="")
    assert json.loads(alone.stdout)["findings"] == []
    assert not json.loads(alone.stdout)["assets_known"]

    exported(tmp_path, body="phantom.fly()")
    assert read(soar, "playbook", "check", folder, code=1)["error"] == 1
    shown = soar("playbook", "check", folder / "block.py")
    assert "block.py:4: error: phantom.fly is not known" in shown.stdout
    assert read(soar, "playbook", "check", folder, "--level", "high", code=2)["field"] == "level"
