"""
How many actions a run may still ask for.

In: the limit that the run has set itself. Out: why one more act is refused, or nothing.
Never: a limit where none was set.
"""

from __future__ import annotations

from soar.phantom.desk import desk
from soar.phantom.rundata import get_run_data

LIMIT_KEY = "soar:action_limit"
ACTS = "acts"


def refusal() -> str:
    """Count one more act; return why it is too many, or nothing."""
    text = get_run_data(LIMIT_KEY)
    if not text.isdigit():
        return ""
    spent = desk().pending[ACTS]
    if "made" not in spent:
        spent["made"] = desk().view.reader.records.acts_made()
    spent["made"] += 1
    if spent["made"] <= int(text):
        return ""
    return f"the run has asked for as many actions as it may: its limit is {text}"
