"""``python -m workers ROLE`` starts one process of the pool."""

from __future__ import annotations

import importlib
import sys

from soar.settings import load

ROLES = ("engine", "actions", "ingest", "beat", "http", "flower")


def main(role: str) -> None:
    """Start the process of one role with the settings of the environment."""
    if role not in ROLES:
        raise SystemExit(f"error: role must be one of {', '.join(ROLES)}, not {role!r}")
    importlib.import_module(f"workers.{role}").main(load())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
