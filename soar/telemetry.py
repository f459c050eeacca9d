"""
All log events and metrics, and how they are written.

In: an event's name and its ids. Out: one line per event, for people or as JSON.
Never: a parameter, a result or a secret as a value.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog


def _frames(exc_info: Any) -> str:
    """
    Return where an exception came from and its type.

    Never its text or a local variable: either may hold a parameter or a secret.
    """
    kind, _, trace = exc_info
    return "".join(traceback.format_tb(trace)) + getattr(kind, "__name__", "error")


log: Any = structlog.get_logger("soar")


def configure(level: str = "INFO", *, json: bool = False) -> None:
    """Set up logging of this process: events to standard error."""
    renderers: list[Any] = (
        [
            structlog.processors.ExceptionRenderer(_frames),
            structlog.processors.JSONRenderer(),
        ]
        if json
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=lambda out, error: print(_frames(error), file=out),
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
