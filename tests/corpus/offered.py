"""
What playbooks of strangers find in the system: whatever their texts name is there.

In: the playbooks of a folder. Out: a :class:`Shelf` for the run of one of them.
Never: a thing that no text names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from soar.api.inventory import playbook_shape
from soar.bringing import Brought
from soar.domain import case_shapes, cef
from soar.testing.shelf import Shelf

REPOSITORY = "community"
MADE_UP = "simulated_input"
"""A playbook that has every tag, and takes whatever there is."""
WORKBOOK = re.compile(r"""["']workbook["']:\s*["']([^"']+)["']""")
TASK = re.compile(r"""["']task_name["']:\s*["']([^"']+)["']""")
ASSET = re.compile(r"""(?:assets=\[|["']asset["']:\s*)["']([^"']+)["']""")
TAGS = re.compile(r"""["']\w*tags\w*["']:\s*["']([^"']+)["']""")
EXCLUDED = re.compile(r"""["']\w*tags\w*exclude\w*["']:\s*["']([^"']+)["']""")
GIVEN = re.compile(r"playbook_output:(\w+)")


class Offered:
    """What the texts of a folder name."""

    def __init__(self, brought: Brought) -> None:
        self.text = "\n".join(file.source for file in brought.playbooks.values())
        self.tags = _tags(TAGS.findall(self.text))
        self.playbooks = [*_listed(brought), self._made_up()]
        self.books = _books(WORKBOOK.findall(self.text), TASK.findall(self.text))
        self.assets = sorted(set(ASSET.findall(self.text)))

    def shelf(self, source: str, artifacts: Iterable[dict[str, Any]]) -> Shelf:
        """Return what the run of a playbook on these artifacts finds: no tag that it excludes."""
        marks = sorted({*self.tags} - {*_tags(EXCLUDED.findall(source))})
        values = {str(value) for artifact in artifacts for value in artifact["cef"].values()}
        return Shelf(
            users={1: "ada"},
            playbooks=self.playbooks,
            repositories=("local", REPOSITORY),
            inventory=self.assets,
            templates=self.books,
            tagged={value: list(marks) for value in values},
        )

    def source(self) -> str:
        """Return the text of the playbook with every tag: it gives something for every output."""
        given = {name: [name] for name in sorted(set(GIVEN.findall(self.text)))}
        return (
            "import phantom.rules as phantom\n\ndef on_start(container):\n    pass\n\n"
            "def on_finish(container, summary):\n"
            f"    phantom.save_playbook_output_data(output={given!r})\n"
        )

    def _made_up(self) -> dict[str, Any]:
        kinds = sorted({kind for kinds in cef.CONTAINS.values() for kind in kinds})
        inputs = [{"name": "indicator", "contains": kinds, "description": ""}]
        return _shape(0, MADE_UP, {"kind": "input", "tags": self.tags, "inputs": inputs})


def _tags(named: Iterable[str]) -> list[str]:
    each = {tag.strip() for several in named for tag in several.split(",")}
    return sorted(tag for tag in each if tag)


def _listed(brought: Brought) -> Iterator[dict[str, Any]]:
    files = sorted(brought.playbooks.values(), key=lambda file: file.name)
    for number, file in enumerate(files, start=1):
        details = {"labels": file.labels, "repo": REPOSITORY, **file.more}
        yield _shape(number, file.name, details)


def _shape(number: int, name: str, details: dict[str, Any]) -> dict[str, Any]:
    told = {"id": number + 1, "name": name, "title": name, "details": details}
    empty = {"version": "1.0", "manual_minutes": 0, "sha256": "", "created_at": None}
    return playbook_shape({**told, **empty, "active": True})


def _books(names: Iterable[str], tasks: Iterable[str]) -> list[dict[str, Any]]:
    """Return workbooks of these names, each with one phase of all the tasks."""
    phases = [{"name": "Phase 1", "tasks": sorted(set(tasks))}]
    told = {"description": "", "created_by": "ada", "create_time": None}
    return [
        {
            **case_shapes.template({**told, "id": number, "name": name, "is_default": False}),
            "phases": phases,
        }
        for number, name in enumerate(sorted(set(names)), start=1)
    ]
