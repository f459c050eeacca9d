"""
The fixtures of the tests of notices, from their stage.
"""

from tests.integration.notify.stage import authority, office, receiver

__all__ = ["authority", "office", "receiver"]
