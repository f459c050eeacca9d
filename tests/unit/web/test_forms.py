"""
Where a browser is sent next, and what is read of a form.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.web import forms

TRICKS = st.sampled_from(
    [
        "/",
        "\\",
        "//",
        "\t",
        "\n",
        "\r",
        " ",
        "evil.test",
        "http:",
        "javascript:",
        "@",
        "%2f",
        "..",
        "?",
        "#",
        "\x00",
        "a",
    ]
)


@given(st.one_of(st.text(max_size=40), st.lists(TRICKS, max_size=6).map("".join)))
def test_no_text_leads_to_another_site(text: str) -> None:
    """
    Whatever is made of slashes, controls and hosts: as browsers read it, it stays here.
    """
    wanted = forms.local(text)
    as_read = wanted.replace("\t", "").replace("\n", "").replace("\r", "").replace("\\", "/")

    assert urlsplit(urljoin("https://soar.test/login", as_read)).netloc == "soar.test"
    assert not as_read.startswith("//")


@pytest.mark.parametrize("good", ["/", "/approvals/7", "/approvals?open=1&page=2", "/a%20b#c"])
def test_an_address_of_ours_is_kept(good: str) -> None:
    """
    With its query.
    """
    assert forms.local(good) == good


@pytest.mark.parametrize("bad", [None, "", "account", "//x", "/login", "/login/", "/logout?x"])
def test_anything_else_leads_to_the_first_page(bad: str | None) -> None:
    """
    Also the way in and out, which would lead round in circles.
    """
    assert forms.local(bad) == forms.HOME
