"""
Lanes as Prometheus reads them: one gauge or counter for each thing that is worth an alarm.

In: the lanes of this moment. Out: the text of one scrape.
Never: a number kept from one scrape to the next, or a zero where nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from soar.lanes import STATES, Lane

__all__ = ["CONTENT_TYPE", "text"]

Value = tuple[tuple[str, ...], float]
Values = Callable[[Lane], Iterable[Value]]


def text(lanes: Sequence[Lane]) -> bytes:
    """Return the lanes in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(Lanes(lanes))
    return generate_latest(registry)


class Lanes(Collector):
    """The lanes of one moment, for one scrape."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes

    def collect(self) -> Iterator[Metric]:
        """Return every family with its values."""
        for name, meaning, labels, values in GAUGES:
            gauge = GaugeMetricFamily(name, meaning, labels=["asset", *labels])
            for lane in self._lanes:
                for more, value in values(lane):
                    gauge.add_metric([lane.asset, *more], value)
            yield gauge
        grants = CounterMetricFamily("soar_lane_grants", GRANTS, labels=["asset"])
        for lane in filter(_is_known, self._lanes):
            grants.add_metric([lane.asset], lane.grants)
        yield grants


def _is_known(lane: Lane) -> bool:
    """Tell whether Redis was asked: a counter that falls to nothing would be read as a reset."""
    return lane.state not in ("unknown", "deleted")


def _waiting(lane: Lane) -> Iterator[Value]:
    return (((severity,), count) for severity, count in lane.waiting.items())


def _oldest(lane: Lane) -> Iterator[Value]:
    yield (), lane.oldest.total_seconds() if lane.oldest else 0.0


def _spent(lane: Lane) -> Iterator[Value]:
    return (((of.limit,), of.spent) for of in lane.spent)


def _left(lane: Lane) -> Iterator[Value]:
    return (((of.limit,), of.left) for of in lane.spent)


def _last_minute(lane: Lane) -> Iterator[Value]:
    if _is_known(lane):
        yield (), lane.last_minute


def _under_way(lane: Lane) -> Iterator[Value]:
    if _is_known(lane):
        yield (), lane.under_way


def _saved(lane: Lane) -> Iterator[Value]:
    yield (), lane.saved


def _state(lane: Lane) -> Iterator[Value]:
    return (((state,), float(lane.state == state)) for state in STATES)


GRANTS = "Calls granted since Redis was last empty."
GAUGES: Sequence[tuple[str, str, Sequence[str], Values]] = (
    ("soar_lane_waiting", "Calls that wait in the lane.", ("severity",), _waiting),
    ("soar_lane_oldest_seconds", "How long the first of them has waited.", (), _oldest),
    ("soar_lane_spent", "Calls spent of a limit or quota now.", ("limit",), _spent),
    ("soar_lane_left", "Calls left of a limit or quota now.", ("limit",), _left),
    ("soar_lane_last_minute", "Calls granted in the last minute.", (), _last_minute),
    ("soar_lane_under_way", "Calls under way, where concurrency is limited.", (), _under_way),
    ("soar_lane_saved_calls", "Lookups of 24 h that another's answer spared.", (), _saved),
    ("soar_lane_state", "1 for the state that the lane is in, else 0.", ("state",), _state),
)
