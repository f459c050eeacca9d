"""
Texts that are longer than an index takes: no block or call is tried for ever because of one.

In: names, identifiers and targets of several thousand letters. Out: nothing.
Never: a value that does not fit taken for a server that is away.
"""

from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING

import pytest

from soar import containment
from soar.store.errors import UNREACHABLE, TooLarge
from tests.integration.engine.conftest import CATALOG
from tests.integration.engine.test_ledger import act

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

LONG = "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=9000))
"""It does not become shorter when the server packs it."""
BLOCK = "import phantom.rules as phantom\n\ndef on_start(container):\n    "


@pytest.mark.parametrize(
    "asked",
    [
        f"phantom.save_object(key={LONG!r}, value={{'a': 1}}, container_id=container['id'])",
        f"phantom.pin(container=container, message='here', name={LONG!r})",
        f"phantom.add_artifact(container=container, cef_data={{}}, identifier={LONG!r})",
    ],
    ids=["kept", "pin", "artifact"],
)
def test_a_block_that_names_something_too_long_fails(bench: Bench, asked: str) -> None:
    """
    Its run ends with a sentence.
    """
    run_id = bench.play(f"{BLOCK}{asked}\n")

    run = bench.run(run_id)
    assert run["status"] == "failed"
    assert "TooLarge" in run["error"]


def test_a_write_on_a_very_long_target_is_one_effect(bench: Bench) -> None:
    """
    Two runs share it, as any other; one whose end alone differs is another.
    """
    first = bench.play(act("fence", LONG))
    bench.play(act("fence", LONG, note="another wish"))
    bench.play(act("fence", f"{LONG}/"))

    assert bench.vendor.done == {("fence", LONG): 1, ("fence", f"{LONG}/"): 1}
    with bench.database.begin() as work:
        newer, older = containment.contained(work, CATALOG)
    assert older.target.startswith(LONG[:200])
    assert older.target != newer.target
    assert (older.run, len(older.target)) == (first, 265)


def test_a_statement_that_cannot_fit_is_not_tried_again(bench: Bench) -> None:
    """
    Who waits for a server to come back does not wait for this.
    """
    with pytest.raises(TooLarge) as refused:
        bench.database.run(
            "insert into worker (owner, role, expires_at) values (%(owner)s, 'x', now())",
            {"owner": LONG},
        )

    assert not isinstance(refused.value, UNREACHABLE)
