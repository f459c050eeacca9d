"""
The import contracts of ``setup.cfg`` hold.

In: the source tree. Out: a failure that names the import that breaks a contract.
Never: a contract weakened here; change it in ``setup.cfg``, with a reason.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted(p.parent.name for p in (ROOT / "soar/tasks").glob("*/manifest.toml"))


def test_every_import_contract_is_kept() -> None:
    """
    Calls go down, messages go up, and no room reaches into another one.
    """
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_vendor_room_stands_under_the_contracts_for_rooms() -> None:
    """
    A room that is added to ``soar/tasks`` is also added to the contracts that keep rooms apart.
    """
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / "setup.cfg")
    expected = [f"soar.tasks.{room}" for room in ROOMS]

    apart = contracts["importlinter:contract:rooms"]["modules"].split()
    doors = contracts["importlinter:contract:doors"]["source_modules"].split()

    assert sorted(apart) == expected
    assert sorted(doors) == expected
