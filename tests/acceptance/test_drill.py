"""`soar drill kill-worker` on a running `soar up`: a worker dies, its work does not."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.test_up import soar, up

__all__ = ["up"]


def test_a_killed_worker_is_replaced_and_its_run_ends_right_in_time(
    up: tuple[Path, dict[str, str]],
) -> None:
    """
    The drill kills the worker in the middle of its call; the run ends well, and its asset is gone.
    """
    folder, _ = up

    drilled = soar(folder, "drill", "kill-worker", "--yes")

    assert drilled["passed"], drilled
    assert drilled["done"] <= drilled["target"]
    names = [asset["asset_name"] for asset in soar(folder, "asset", "list")]
    assert not [name for name in names if name.startswith("drill")]
