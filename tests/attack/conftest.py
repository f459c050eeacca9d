"""
The fixtures of the REST tests, for attacks on the same doors.
"""

from tests.integration.rest.stage import admin, analyst, question, reader, url

__all__ = ["admin", "analyst", "question", "reader", "url"]
