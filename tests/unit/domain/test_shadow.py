"""
The words of shadow mode.

In: actions with their parameters. Out: sentences. Never: one that reads as if it had been done.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar import catalog
from soar.domain.shadow import LONGEST, would_have, would_have_asked, would_have_changed

CONTAINING = [spec for spec in catalog.load().actions if spec.kind == "contain"]


def said(app: str, action: str, asset: str = "it", **parameters: Any) -> str:
    """Return what is said of a call of the product's own catalog."""
    spec = catalog.load().app(app).action(action)
    assert spec is not None
    return would_have(spec.name, asset, parameters, target=spec.target, did=spec.did)


@pytest.mark.parametrize(
    ("sentence", "wanted"),
    [
        (
            said("crowdstrike", "quarantine device", hostname="WORKSTATION-042", lease_minutes=5),
            "would have isolated WORKSTATION-042",
        ),
        (
            said("crowdstrike", "quarantine device", hostname="", device_id="a1b2"),
            "would have isolated a1b2",
        ),
        (said("palo_alto", "block ip", ip="203.0.113.66"), "would have blocked 203.0.113.66"),
        (said("active_directory", "disable user", username="jdoe"), "would have disabled jdoe"),
        (
            said("servicenow", "create ticket", asset="snow", short_description="a\nb"),
            "would have run create ticket on snow: short_description=a b",
        ),
        (said("servicenow", "create ticket", asset="snow"), "would have run create ticket on snow"),
        (
            would_have("x", "y", {"a": "b" * 999}, target=("a",)),
            f"would have run x on y: {'b' * 199}…",
        ),
        (would_have_asked("soc_tier2", "approve it"), "would have asked soc_tier2: approve it"),
        (
            would_have_changed({"status": "closed", "severity": "high"}),
            "would have set severity to high, status to closed",
        ),
    ],
)
def test_a_sentence_says_what_would_have_been(sentence: str, wanted: str) -> None:
    """
    The target as it was given, by the word of the manifest where it has one.
    """
    assert sentence == wanted
    assert sentence.startswith("would have ")


@pytest.mark.parametrize("spec", CONTAINING, ids=lambda spec: spec.task_name)
def test_every_containment_has_its_word(spec: catalog.ActionSpec) -> None:
    """
    "would have run quarantine device on edr: x" is no sentence that people read at once.
    """
    assert spec.did


def test_what_is_endless_is_cut() -> None:
    """
    A log line is a line.
    """
    assert len(would_have_asked("x", "y" * 9999)) < LONGEST + 40
