"""
The list of known traps and their tests agree.

In: the marks of the tests. Out: traps without a test, or with two.
Never: a marked test that does not name its source where it is read.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from traps import found  # noqa: E402

REQUIRED = range(1, 26)


def test_each_of_the_25_traps_has_one_test_of_its_own() -> None:
    """
    No number is missing, and none, of the extra ones either, is carried by two tests.
    """
    numbers = Counter(trap.number for trap in found())

    assert [number for number in REQUIRED if number not in numbers] == []
    assert [number for number, count in numbers.items() if count > 1] == []


def test_each_trap_names_its_public_source() -> None:
    """
    The mark says where the trap is told, and the docstring's last words say so too.
    """
    silent = [
        trap.test
        for trap in found()
        if not trap.source
        or trap.source.split(",")[0] not in " ".join(trap.docstring.partition("Source:")[2].split())
    ]

    assert silent == []
