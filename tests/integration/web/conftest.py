"""
The fixtures of the page tests, from their stage.
"""

from tests.integration.rest.stage import url
from tests.integration.web.stage import ada, browser, quick_hashes

__all__ = ["ada", "browser", "quick_hashes", "url"]
