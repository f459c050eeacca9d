"""The test of the test: with claims switched off, the auditor must see effects happen twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from soar.lab.simulator import Fault
from tests.chaos import plan
from tests.chaos.audit import Breach, audit
from tests.chaos.conductor import Conductor
from tests.chaos.ground import running

DUPLICATES = tuple(plan.Strike(after=n, kind="duplicate") for n in (0, 4, 8))
SLOW = {"servicenow": "/table/incident"}
ROLES = ("engine", "actions-1", "beat-1", "ingest")


THREADS = {"SOAR_ACTION_THREADS": "48"}
"""So many that what comes twice is worked on twice at once, not after another."""


def chaos(programs: dict[str, str]) -> list[Breach]:
    """Run a small plan whose messages come twice, at vendors that take a while to act."""
    made = replace(plan.make(5, runs=24, strikes=0, stories=("mixed",)), strikes=DUPLICATES)
    with running(made, programs=programs, roles=ROLES, also=THREADS) as ground:
        for vendor, path in SLOW.items():
            fault = Fault(
                vendor=vendor, kind="latency", value=2.5, times=10_000, path=path, method="POST"
            )
            ground.lab.http.lab.faults.insert(0, fault)
        ended = Conductor(plan=made, ground=ground, at_once=12, silence=20.0).run()
    assert len(ended.done) == 3
    return audit(ended.facts)


def test_without_claims_the_auditor_finds_effects_that_happened_twice() -> None:
    """
    A message that comes twice is worked on twice where nothing is claimed: tickets double.
    """
    found = Counter(breach.what for breach in chaos({"actions": "tests.chaos.saboteur"}))

    assert found["effect doubled"] > 0
