"""
The one door of every endpoint: who asks, one transaction, one answer.

In: a request. Out: a :class:`Call` for the endpoint, its answer as JSON.
Never: an endpoint without a person who has what it needs, or a GET that can change anything: its
transaction is read-only.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from soar import access, roles
from soar.api import bodies, deeds, query
from soar.api.errors import answer_to
from soar.api.permissions import Needs
from soar.domain.errors import NotFound
from soar.domain.model import Person
from soar.store.listing import Condition, Listing, lists
from soar.store.rows import Row
from soar.store.work import Work

if TYPE_CHECKING:
    from soar.bootstrap import House

Shape = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One authenticated request inside its transaction."""

    house: House
    work: Work
    person: Person
    parameters: tuple[tuple[str, str], ...]
    path: Mapping[str, Any]
    base_url: str
    body: Any = None

    @property
    def number(self) -> int:
        """The id in the address."""
        text = str(self.path["id"])
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise NotFound(f"{text[:40]!r} is no id")
        return int(text)

    def one(self, listing: Listing, number: int | None = None) -> Row:
        """Return the row that the address names, or of that number, if the person may see it."""
        wanted = self.number if number is None else number
        return lists(self.work).one(listing, wanted, tenants=self.person.tenants)

    def container(self, number: int) -> Row:
        """Return a container that the person may see."""
        row = self.work.containers.get(number)
        if not self.person.sees(row["tenant_id"]):
            raise NotFound(f"there is no container {number}")
        return row

    def within(self, name: str) -> Call:
        """Return this call asking only for what belongs to the row that its address names."""
        own = (f"_filter_{name}", str(self.number))
        return replace(self, parameters=(*self.parameters, own))

    def envelope(
        self, listing: Listing, shape: Callable[[Row], Shape], *, only: Sequence[Condition] = ()
    ) -> dict[str, Any]:
        """Return one page of a list as clients know it; *only* is asked beside what they ask."""
        question = query.read(self.parameters, listing)
        conditions = (*question.wanted.conditions, *only)
        wanted = replace(question.wanted, conditions=conditions)
        found = lists(self.work).page(listing, wanted, tenants=self.person.tenants)
        shown = [shape(row) for row in found.rows]
        data = [{k: v for k, v in s.items() if k not in question.without} for s in shown]
        return {"count": found.count, "num_pages": found.pages, "data": data}


Answer = Callable[[Call], Any]


class Guarded(Route):
    """An address below the door, with what it needs."""

    needs: Needs


def route(
    house: House,
    path: str,
    *,
    needs: Needs,
    get: Answer | None = None,
    post: Answer | None = None,
    delete: Answer | None = None,
    bearer: bool = False,
) -> Guarded:
    """Return the route of an address; HEAD is answered like GET, *bearer* lets scrapers in."""
    answers = {"GET": get, "HEAD": get, "POST": post, "DELETE": delete}
    possible = {verb: answer for verb, answer in answers.items() if answer is not None}

    async def endpoint(request: Request) -> Response:
        body = b""
        try:
            if request.method == "POST":
                body = await bodies.read(request)
        except Exception as error:
            return answer_to(error, path)
        shown = token(request.headers, bearer=bearer)
        return await run_in_threadpool(
            _respond, house, request, made, possible[request.method], body, shown
        )

    made = Guarded(path, endpoint, methods=list(possible))
    made.needs = needs
    return made


def _respond(
    house: House, request: Request, at: Guarded, answer: Answer, body: bytes, shown: str
) -> Response:
    try:
        with house.database.begin() as work:
            call = _call(house, work, request, at.needs, body, shown)
            made = deeds.once(call, answer, request.headers.get(deeds.HEADER, ""))
        return made if isinstance(made, Response) else JSONResponse(made)
    except Exception as error:
        return answer_to(error, at.path)


def _call(
    house: House, work: Work, request: Request, needs: Needs, body: bytes, shown: str
) -> Call:
    if request.method in ("GET", "HEAD"):
        lists(work).forbid_changes()
    person = access.authenticate(work, shown, address=address(request))
    needed = needs.of(request.method)
    if needed:
        roles.require(work, person, *needed)
    return Call(
        house=house,
        work=work,
        person=person,
        path=request.path_params,
        parameters=tuple(request.query_params.multi_items()),
        base_url=str(request.base_url).rstrip("/"),
        body=bodies.parse(body) if request.method == "POST" else None,
    )


def address(request: Request) -> str:
    """Return who is asking; a trusted proxy has said for whom it asks."""
    return request.client.host if request.client else "unknown"


def token(headers: Mapping[str, str], *, bearer: bool = False) -> str:
    """Return the token of a request: its own header, the password of HTTP Basic, or a bearer's."""
    own = headers.get("ph-auth-token", "").strip()
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if bearer and not own and scheme.lower() == "bearer":
        return credentials.strip()
    if own or scheme.lower() != "basic":
        return own
    try:
        plain = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "?"  # something was shown, and nobody has it
    return plain.partition(":")[2]
