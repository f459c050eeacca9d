"""
What lanes are still to be told: kept until it is due, at the cost of no thread woken per call.
"""

from __future__ import annotations

from soar.lane_reports import Reports


def test_reports_wake_their_thread_once_until_they_are_due() -> None:
    """
    One that is due sooner wakes it again, and so does the first after all were taken.
    """
    reports = Reports()

    def wakes(within: float) -> bool:
        reports.woken.clear()
        reports.add("vt", {}, within=within)
        return reports.woken.is_set()

    assert [wakes(60.0), wakes(60.0), wakes(0.0), wakes(60.0)] == [True, False, True, False]

    assert len(reports.all()["vt"]) == 4
    assert wakes(60.0)
