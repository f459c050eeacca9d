"""
Blocks that no exception stops: their processes end with them, and their runs with a reason.

In: the product's processes in a shorter time's world (2 s for a block, told once more).
Out: nothing. Never: an engine that is held for ever.
"""

from __future__ import annotations

import pytest

from tests.traps.conftest import Product

SWALLOWS = """
import time
def on_start(container):
    while True:
        try:
            time.sleep(60)
        except:
            pass
"""
IN_C = """
def on_start(container):
    return sum(range(10 ** 12))
"""


@pytest.mark.parametrize("source", [SWALLOWS, IN_C], ids=["swallows its end", "loops in C"])
def test_a_block_that_cannot_be_stopped_ends_with_its_process_and_is_set_aside(
    product: Product, source: str
) -> None:
    """
    One that catches whatever is raised in it, and one that computes where nothing is raised.
    """
    label = f"unstoppable-{len(source)}"
    product.playbook(source, label=label, name=label.replace("-", "_"))

    with product.tended():
        (run,) = product.after(product.alert(label, {"type": "none"}), within=120.0)

    assert run["error"] == "block 'on_start' was set aside: it ended or broke 3 processes"
