"""
Pages for who may not look: what they are asked, and nothing of anybody else.

In: people who have signed in, with and without view containers. Out: pages, or refusals.
Never: a question of others on the page of who may not view containers.
"""

from __future__ import annotations

from collections.abc import Callable

from soar import roles, users
from soar.bootstrap import House
from tests.integration.rest.tenants import ACME, tenant
from tests.integration.web.questions import Case, ask, at, row, run_sql
from tests.integration.web.stage import Browser, person

Browsers = Callable[[], Browser]


def test_who_is_asked_sees_and_answers_without_any_permission(
    house: House, browser: Browsers, quick_hashes: None, about: Case
) -> None:
    """
    Their own question is in the list and on its page; another's is in neither.
    """
    mine, others = ask(house, about), ask(house, about, to="soc_tier9", name="block ip")
    tina = browser()
    tina.sign_in(person(house, "tina", "soc_tier2", looks=False))

    listed = tina.get("/approvals")
    shown = tina.get(at(house, mine))

    assert at(house, mine) in listed.text
    assert at(house, others) not in listed.text
    assert "whose=all" not in listed.text
    assert shown.status_code == 200
    hidden = tina.get(at(house, others))
    assert hidden.status_code == 403
    assert "view containers" in hidden.text
    assert "block ip" not in hidden.text
    everybodys = tina.get("/approvals?whose=all")
    assert everybodys.status_code == 403
    assert "Reported mail" not in everybodys.text

    tina.fill(at(house, mine), choice="Deny", reason="not ours")

    assert row(house, mine)["answered_by"] == "tina"
    assert "Recently decided" not in tina.get("/approvals").text


def test_who_may_look_sees_what_others_are_asked(
    house: House, browser: Browsers, quick_hashes: None, about: Case
) -> None:
    """
    A role of one's own with view containers is enough, from the moment at which it is given.
    """
    others = ask(house, about, to="soc_tier9")
    olga = browser()
    olga.sign_in(person(house, "olga", looks=False))
    assert olga.get(at(house, others)).status_code == 403

    with house.database.begin() as work:
        may = frozenset({"view containers"})
        roles.add(work, "looker", description="", permissions=may, by="test")
        users.set_roles(work, "olga", roles=["looker"], by="test")

    assert olga.get(at(house, others)).status_code == 200
    assert at(house, others) in olga.get("/approvals?whose=all").text


def test_whose_it_is_is_shown_where_there_are_several_tenants(
    house: House, browser: Browsers, ada: str, about: Case
) -> None:
    """
    In the list and on the page; a house with one tenant does not speak of it.
    """
    number = ask(house, about)
    analyst = browser()
    analyst.sign_in(ada)
    alone = analyst.get("/approvals").text + analyst.get(at(house, number)).text
    run_sql(house, f"update container set tenant_id = {tenant(house, ACME)}")

    assert "Default Tenant" not in alone
    assert "<dt>Tenant</dt><dd>Acme</dd>" in analyst.get(at(house, number)).text
    assert "Acme" in analyst.get("/approvals").text
