"""
``python -m tests.chaos --seed N --runs N [--json]``: break everything, then count.

In: a seed. Out: what was done, how long recoveries took, and every breach; exit code 1 with any.
Never: a word that the auditor did not find.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from tests.chaos import show
from tests.chaos.audit import audit
from tests.chaos.conductor import Conductor
from tests.chaos.ground import running
from tests.chaos.plan import KINDS, STORIES, make

PER_FAULT = 10
"""Alerts for each fault, unless said otherwise."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--faults", type=int, default=None)
    parser.add_argument(
        "--stories", nargs="+", choices=list(STORIES), default=list(STORIES), help="tell only these"
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.add_argument("--logs", type=Path, help="keep the logs of all processes in this folder")
    return parser.parse_args()


def main() -> int:
    """Run one plan and report."""
    asked = arguments()
    faults = asked.faults
    if faults is None:
        faults = max(len(KINDS), asked.runs // PER_FAULT)
    plan = make(asked.seed, runs=asked.runs, strikes=faults, stories=asked.stories)
    with show.progress(plan, quiet=asked.json) as tell, running(plan) as ground:
        try:
            ended = Conductor(plan=plan, ground=ground, tell=tell).run()
        finally:
            if asked.logs:
                shutil.copytree(ground.logs, asked.logs, dirs_exist_ok=True)
    breaches = audit(ended.facts)
    if asked.json:
        print(json.dumps(show.as_json(plan, ended, breaches), indent=1))
    else:
        show.outcome(plan, ended, breaches)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
