"""
The fixtures of the REST tests, from their stage.
"""

from tests.integration.rest.stage import admin, analyst, question, reader, url

__all__ = ["admin", "analyst", "question", "reader", "url"]
