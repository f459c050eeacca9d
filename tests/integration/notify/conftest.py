"""
The fixtures of the tests of notices, from their stage.
"""

from tests.integration.notify.stage import authority, office, receiver
from tests.integration.rest.stage import url

__all__ = ["authority", "office", "receiver", "url"]
