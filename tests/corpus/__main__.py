"""
``make corpus DIR=…``: check and play every playbook of a folder; none of it is imported.

In: a folder of playbooks. Out: what is missing and what went wrong, as text or JSON.
Never: a network, a vendor, or anything of the folder in this repository.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.corpus.tally import tally


def main() -> int:
    """Play a folder; 0 where every playbook came to its end."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1, help="what is made up follows from it")
    parser.add_argument("--transcript", type=Path, help="JSON file of answers by action")
    parser.add_argument("--only", default="", help="part of the names of playbooks to play")
    parser.add_argument("--json", action="store_true", help="one document, nothing else")
    given = parser.parse_args()
    shown = (lambda _: None) if given.json else (lambda name: print(name, file=sys.stderr))
    found = tally(
        given.folder, seed=given.seed, transcript=given.transcript, only=given.only, tell=shown
    )
    print(json.dumps(found, indent=2) if given.json else _text(found))
    totals = found["totals"]
    return 0 if totals["reached_on_finish"] == totals["playbooks"] else 1


def _text(found: dict[str, Any]) -> str:
    lines = []
    for row in found["playbooks"]:
        wrong = [*row["check"], *row["errors"], *row["joins_fired_twice"]]
        if wrong or not row["reached_on_finish"]:
            end = "" if row["reached_on_finish"] else " (did not reach on_finish)"
            lines += [f"{row['playbook']}{end}", *(f"    {line}" for line in wrong)]
    lines += [f"{one['file']}: {one['why']}" for one in found["refused"]]
    lines += [f"{name}: {value}" for name, value in found["totals"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
