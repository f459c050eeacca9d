"""
Lanes: who waits for which vendor, what is spent, and the same as metrics.

In: the name of an asset, the id of a waiting call. Out: the read model of lanes, as JSON or as
Prometheus reads it. Never: a call taken from a budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from soar import lanes as model
from soar.api import metrics
from soar.api.door import Call, Shape, route
from soar.api.nouns import CALLS, LANES
from soar.api.permissions import of
from soar.limiter import Limiter
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    window, needs = Window(house), of("assets")
    return [
        route(house, "/rest/lane", needs=needs, get=window.lanes),
        route(house, "/rest/lane/{asset}", needs=needs, get=window.lane),
        route(house, "/rest/lane/{asset}/{id}", needs=needs, get=window.place),
        route(house, "/metrics", needs=needs, get=window.metrics, bearer=True),
    ]


@dataclass
class Window:
    """Looks at the lanes through one limiter, made when somebody first asks."""

    house: House

    @cached_property
    def limiter(self) -> Limiter:
        """The door to the budgets, one for the process."""
        return self.house.limiter(patient=False)

    def lanes(self, call: Call) -> Shape:
        """Return a page of lanes."""
        known = {lane.asset: lane for lane in model.lanes(call.work, self.limiter)}

        def shape(row: Row) -> Shape:
            slug = row["slug"]  # not known: it was added between the two queries
            return model.lane_shape(known.get(slug) or self._lane(call, slug))

        return call.envelope(LANES, shape)

    def lane(self, call: Call) -> Shape:
        """Return the lane of one asset."""
        return model.lane_shape(self._lane(call, call.path["asset"]))

    def place(self, call: Call) -> Shape:
        """Return where one waiting call stands in the lane of its asset."""
        slug = self._lane(call, call.path["asset"]).asset
        if call.person.tenants:
            call.one(CALLS)
        return model.place_shape(model.place(call.work, self.limiter, call.number, asset=slug))

    def metrics(self, call: Call) -> Response:
        """Return every lane as Prometheus reads it."""
        text = metrics.text(model.lanes(call.work, self.limiter))
        return Response(text, media_type=metrics.CONTENT_TYPE)

    def _lane(self, call: Call, slug: str) -> model.Lane:
        (lane,) = model.lanes(call.work, self.limiter, only=slug)
        return lane
