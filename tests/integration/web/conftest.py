"""
The fixtures of the page tests, from their stage.
"""

from tests.integration.rest.stage import url
from tests.integration.web.stage import ada, browser

__all__ = ["ada", "browser", "url"]
