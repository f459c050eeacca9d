"""
The approval endpoints keep what their schema says, whatever is sent to them.

In: requests made from ``docs/reference/approvals.openapi.yaml``, right ones and wrong ones.
Out: an answer that the schema knows. Never: an error of the server, or a question that is decided.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from soar.bootstrap import House
from tests.integration.rest.stage import Client, ask, client_of, stored

SCHEMA = schemathesis.openapi.from_path(
    Path(__file__).resolve().parents[2] / "docs/reference/approvals.openapi.yaml"
)
OPERATIONS = {
    "list": SCHEMA["/rest/approval"]["GET"],
    "one": SCHEMA["/rest/approval/{id}"]["GET"],
    "answer": SCHEMA["/rest/approval/{id}"]["POST"],
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
"""Not among them: that all the schema forbids is refused. Clients send more than they should, and
what a list does not know it ignores."""
MANY = settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def cases(operation: str) -> st.SearchStrategy[Case]:
    """Return requests of an operation: such as the schema allows, and such as it forbids."""
    return st.one_of(
        *(OPERATIONS[operation].as_strategy(generation_mode=mode) for mode in GenerationMode)
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_one_that_the_schema_knows(
    house: House, analyst: Client, operation: str
) -> None:
    """
    In status, type and shape; and none of them decides: the digest of what was shown is missing.
    """
    numbers = [ask(house, analyst, kind).id for kind in ("prompt", "action")]

    @MANY
    @given(case=cases(operation), number=st.sampled_from([*numbers, None]))
    def send(case: Case, number: int | None) -> None:
        if number is not None and operation != "list":
            case.path_parameters = {"id": number}
        case.call_and_validate(
            base_url=analyst.url,
            headers={"ph-auth-token": analyst.token},
            checks=CHECKS,
            timeout=30,
        )

    send()

    assert [stored(house, lambda w, n=n: w.approvals.get(n))["status"] for n in numbers] == [
        "open",
        "open",
    ]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nobody_gets_anything_without_a_token(
    house: House, analyst: Client, operation: str
) -> None:
    """
    Nor with one that nobody has.
    """
    number = ask(house, analyst).id
    machine = client_of(house, analyst.url, "robot", "soc_tier2", kind="automation")

    @MANY
    @given(case=cases(operation), token=st.sampled_from(["", "x", machine.token[:-1]]))
    def send(case: Case, token: str) -> None:
        if operation != "list":
            case.path_parameters = {"id": number}
        answer = case.call(base_url=analyst.url, headers={"ph-auth-token": token}, timeout=30)
        assert answer.status_code in (400, 401, 413)
        assert b"payload_digest" not in answer.content

    send()
