"""
The page of an approval in a real browser, and what opens links before a person does.

In: Debian's Chromium without scripts, a real server on loopback. Out: answers in the database.
Never: an address other than loopback; or a decision by a scanner or a prefetcher.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from soar.bootstrap import House
from soar.signing import load_verifier
from tests.integration.web.questions import ask, ask_again, case, isolate, looked_up, row
from tests.integration.web.scanner import PREFETCH, Scanner
from tests.integration.web.stage import PASSWORD, Browser

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1100,1000",
)
WITHOUT_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="Chromium or its driver is not installed"),
]


@pytest.fixture
def chromium() -> Iterator[Chrome]:
    """A browser that runs no scripts and knows nobody but this machine."""
    options = Options()
    options.binary_location = str(BROWSER)
    for switch in SWITCHES:
        options.add_argument(switch)
    options.add_experimental_option("prefs", WITHOUT_SCRIPTS)
    driver = Chrome(options=options, service=Service(DRIVER))
    driver.implicitly_wait(10)
    yield driver
    driver.quit()


def sign_in(chromium: Chrome, url: str, path: str = "/approvals") -> None:
    """Sign in as a person does, on the way to a page."""
    chromium.get(url + path)
    chromium.find_element(By.NAME, "username").send_keys("ada")
    chromium.find_element(By.NAME, "password").send_keys(PASSWORD + Keys.ENTER)
    chromium.find_element(By.CSS_SELECTOR, "header .who")


def body(chromium: Chrome) -> str:
    """Return what stands on the page."""
    return chromium.find_element(By.TAG_NAME, "main").text


def choose(chromium: Chrome, choice: str, reason: str, **typed: str) -> None:
    """Fill in the form with the keyboard alone, and send it."""
    chromium.find_element(By.CSS_SELECTOR, f"input[value='{choice}']").send_keys(Keys.SPACE)
    for name, text in {"reason": reason, **typed}.items():
        chromium.find_element(By.NAME, name).send_keys(text)
    chromium.find_element(By.CSS_SELECTOR, "form.answer button").send_keys(Keys.ENTER)


def test_a_person_signs_in_reads_and_decides(
    house: House, ada: str, url: str, chromium: Chrome
) -> None:
    """
    From the list to a signed answer, without a script and without a mouse.
    """
    about = case(house)
    looked_up(house, about, 14, "http://login.evil.example/")
    number = ask(house, about)
    sign_in(chromium, url)
    chromium.find_element(By.LINK_TEXT, "quarantine device").send_keys(Keys.ENTER)
    chromium.find_element(By.CSS_SELECTOR, "form.answer")
    shown = body(chromium)
    for said in ("WORKSTATION-042", "crowdstrike_prod", "14/90 engines malicious", "Deny"):
        assert said in shown

    choose(chromium, "Approve", "seen on the host")

    decided = chromium.find_element(By.CSS_SELECTOR, ".decided").text
    assert decided.startswith("Already decided by ada at")
    assert "Reason: seen on the host" in decided
    kept = row(house, number)
    assert (kept["answer"], kept["answered_by"], kept["reason"]) == (
        "Approve",
        "ada",
        "seen on the host",
    )
    assert house.settings.verify_key_file is not None
    verifier = load_verifier(house.settings.verify_key_file)
    assert verifier.verify(kept["signed"], kept["signature"], kept["key_id"])
    assert chromium.find_elements(By.CSS_SELECTOR, "form.answer") == []


def test_a_second_approval_looks_unlike_a_first(
    house: House, ada: str, url: str, chromium: Chrome
) -> None:
    """
    In heading, frame and colour; and nothing is approved before the target's name was typed.
    """
    about = case(house)
    number = ask_again(house, about, isolate("DC01"), "protected from * on *: dc01")
    first = ask(house, about, isolate("WORKSTATION-042"))
    sign_in(chromium, url, f"/approvals/{first}")
    usual = chromium.find_element(By.CSS_SELECTOR, "article")
    plain = (usual.value_of_css_property("border-top-width"), usual.find_element(By.TAG_NAME, "h1"))
    looks = (plain[0], plain[1].value_of_css_property("color"))
    chromium.get(f"{url}/approvals/{number}")
    article = chromium.find_element(By.CSS_SELECTOR, "article.breaker")
    heading = article.find_element(By.TAG_NAME, "h1")

    assert "Second approval" in heading.text
    assert article.value_of_css_property("border-top-width") != looks[0]
    assert heading.value_of_css_property("color") != looks[1]
    choose(chromium, "Approve", "agreed with the owner")
    assert "type the target's name" in chromium.find_element(By.CSS_SELECTOR, ".refused").text
    assert row(house, number)["status"] == "open"
    chromium.find_element(By.NAME, "confirm").send_keys("DC01" + Keys.ENTER)
    chromium.find_element(By.CSS_SELECTOR, ".decided")
    assert row(house, number)["answer"] == "Approve"


def test_a_scanner_that_opens_follows_and_submits_decides_nothing(
    house: House, ada: str, url: str, browser: Callable[[], Browser]
) -> None:
    """
    As one of mail does: with nobody's session, also if it has seen the page with its form.
    """
    number = ask(house, case(house))
    before = row(house, number)
    person = browser()
    person.sign_in()
    page = person.get(f"/approvals/{number}")
    scanner = Scanner(url)

    scanner.scan(f"/approvals/{before['public_id']}")
    scanner.look(page.text, f"{url}/approvals/{number}")

    posted = {address for verb, address in scanner.asked if verb == "POST"}
    assert f"{url}/approvals/{before['public_id']}" in posted
    assert f"{url}/login" in posted
    assert row(house, number) == before


def test_a_prefetcher_inside_the_persons_session_decides_nothing(
    house: House, ada: str, url: str, browser: Callable[[], Browser]
) -> None:
    """
    It asks for every link and for where every form goes, with all of its fields and all cookies.
    """
    numbers = [ask(house, case(house)), ask_again(house, case(house), isolate("DC01"), "a rule")]
    before = [row(house, number) for number in numbers]
    person = browser()
    person.sign_in()
    session = requests.Session()
    session.cookies.update(person.session.cookies)
    scanner = Scanner(url, session=session, sends=False, headers=PREFETCH)

    for path in ("/", "/approvals"):
        scanner.scan(path)

    reached = {address for _, address in scanner.asked}
    assert {f"{url}/approvals/{question['public_id']}" for question in before} <= reached
    assert f"{url}/logout" in reached
    assert [row(house, number) for number in numbers] == before
    assert person.is_signed_in


def test_a_browser_that_opens_everything_decides_nothing(
    house: House, ada: str, url: str, chromium: Chrome
) -> None:
    """
    Somebody else's Chromium sends every form it comes to; the person's own opens every link.
    """
    number = ask(house, case(house))
    before = row(house, number)
    at = f"{url}/approvals/{before['public_id']}"

    chromium.get(at)
    for form in range(len(chromium.find_elements(By.TAG_NAME, "form"))):
        shown = chromium.find_elements(By.TAG_NAME, "form")[form]
        for field in shown.find_elements(By.CSS_SELECTOR, "input:not([type=hidden])"):
            field.send_keys("scanner")
        shown.find_element(By.TAG_NAME, "button").click()
    assert row(house, number) == before

    sign_in(chromium, url, f"/approvals/{number}")
    links = [a.get_attribute("href") for a in chromium.find_elements(By.CSS_SELECTOR, "[href]")]
    for link in dict.fromkeys(links):
        chromium.get(str(link))
    chromium.get(f"{at}?choice=Approve&payload_digest={before['payload_digest']}")
    chromium.find_element(By.CSS_SELECTOR, "form.answer")
    assert row(house, number) == before
