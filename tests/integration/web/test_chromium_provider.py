"""
Single sign-on and codes in a real browser: what a page's rules let it do.

In: Debian's Chromium without scripts, a real server and a provider on loopback. Out: sessions.
Never: an address other than loopback.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyotp
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from soar.bootstrap import House
from soar.web.app import create
from tests.integration.rest.stage import serving
from tests.integration.web.op import Op
from tests.integration.web.sso import audited, link, settings
from tests.integration.web.test_chromium import chromium, pytestmark, sign_in

__all__ = ["chromium", "pytestmark"]


@pytest.fixture
def server(house: House, op: Op, ada: str, tmp_path: Path) -> Iterator[str]:
    """A server that the provider sends browsers back to."""
    made: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await made[0](scope, receive, send)

    link(house, op)
    with serving(house, app=app) as url:
        own = settings(op, tmp_path, public_url=url)
        made.append(create(replace(house, settings=house.settings.model_copy(update=own))))
        yield url


def test_one_button_leads_there_and_back(
    house: House, op: Op, server: str, chromium: Chrome
) -> None:
    """
    Without a script, past rules that let no form lead elsewhere; and once more to confirm.
    """
    chromium.get(f"{server}/approvals")
    chromium.find_element(By.XPATH, "//button[.='Sign in with Example SSO']").click()
    assert chromium.find_element(By.CSS_SELECTOR, "header .who a").text == "ada"
    assert chromium.current_url == f"{server}/approvals"

    chromium.get(f"{server}/confirm?next=/account")
    chromium.find_element(By.XPATH, "//button[.='Confirm with Example SSO']").click()
    chromium.find_element(By.XPATH, "//dt[.='Signs in with']")

    assert chromium.current_url == f"{server}/account"
    assert len(audited(house, "confirmed")) == 1


def test_somebody_enrols_codes_and_signs_in_with_one(
    house: House, server: str, chromium: Chrome
) -> None:
    """
    The drawing is there to be seen, also without a style of its own.
    """
    sign_in(chromium, server, "/account/codes")
    chromium.find_element(By.XPATH, "//button[.='Show me a new secret']").click()
    drawing = chromium.find_element(By.CSS_SELECTOR, ".drawing svg")
    secret = chromium.find_element(By.XPATH, "//dt[.='Secret']/following-sibling::dd").text

    assert drawing.is_displayed()
    assert drawing.size["width"] > 150
    chromium.find_element(By.NAME, "code").send_keys(pyotp.TOTP(secret).now() + Keys.ENTER)
    chromium.find_element(By.XPATH, "//a[.='Remove the codes']")
    with house.database.begin() as work:
        row = work.credentials.of("ada")
    assert row is not None
    assert row["totp"]
