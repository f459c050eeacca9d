"""
Alerts come in: each becomes a container with artifacts, once.

In: alerts as JSON, from the Redis stream or REST. Out: one container, and its runs, in one
transaction. Never: an alert that stops the ones behind it, or that vanishes.
"""

from soar.ingest.accept import accept, parse

__all__ = ["accept", "parse"]
