"""
What a block of a playbook asks for once stays asked once, however often the block is run.

In: a call with the token of a run, and the name that the run has given to what it asks.
Out: the answer, or what it was the first time. Never: a name that a person could give.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from soar.domain.errors import BadInput

if TYPE_CHECKING:
    from soar.api.door import Call

HEADER = "soar-deed"
NAME = re.compile(r"([0-9]{1,9})/([0-9a-f]{64})/([0-9a-f]{32})")


def once(call: Call, answer: Callable[[Call], Any], deed: str) -> Any:
    """Answer a call, or say again what was answered when this deed was done."""
    run_id = call.person.run_id
    if run_id is None or not deed:
        return answer(call)
    found = NAME.fullmatch(deed)
    if found is None:
        raise BadInput(HEADER, "is no name of a deed")
    number, digest, step = int(found[1]), found[2], found[3]
    before = call.work.deeds.earlier(run_id, step, number)
    if before is not None and before["digest"] == digest:
        return before["answer"]["body"]
    made = answer(call)
    if not isinstance(made, Response):
        call.work.deeds.keep(run_id, step, number, digest=digest, answer={"body": made})
    return made
