"""
The fixtures of the page tests, from their stage.
"""

from tests.integration.rest.stage import url
from tests.integration.web.questions import about, mine
from tests.integration.web.sso import op, sso
from tests.integration.web.stage import ada, browser, quick_hashes

__all__ = ["about", "ada", "browser", "mine", "op", "quick_hashes", "sso", "url"]
