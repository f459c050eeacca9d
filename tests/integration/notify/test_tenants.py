"""
Who may not see what is asked is not told of it: no mail, no channel of other tenants.

In: people and channels of two tenants. Out: planned notices.
Never: one to somebody of another tenant, whatever role or delegation they have.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from soar import delegation, tenants
from soar.bootstrap import House
from soar.domain.errors import BadInput
from soar.domain.notices import Event
from soar.notify import directory
from soar.notify.signatures import new_webhook_secret
from tests.integration.notify.stage import Office, Receiver
from tests.integration.rest.stage import stored
from tests.integration.rest.tenants import ACME, GLOBEX, settle, tenant

SECRET = new_webhook_secret()
PEOPLE = {"anna": [ACME], "gus": [GLOBEX], "both": [ACME, GLOBEX], "all": []}


@pytest.fixture
def mail(office: Office, house: House) -> None:
    """A mail channel, and people of the role that is asked, each with an address."""
    for name in (ACME, GLOBEX):
        tenant(house, name)
    with house.database.begin() as work:
        for name, own in PEOPLE.items():
            work.people.save(name, ["soc_tier2"])
            tenants.give_person(work, name, own, by="a test")
            directory.link(work, name, by="a test", email=f"{name}@b.example")
    office.channel("mail", "email", host="127.0.0.1", port="25", tls="none", from_="s@b.example")


def told(office: Office) -> set[str]:
    """Return who is told."""
    return {row["recipient"] for row in office.notices()}


def test_people_of_the_tenant_are_told_and_nobody_else(
    office: Office, house: House, mail: None
) -> None:
    """
    All who hold the role, of them those who may see what is asked.
    """
    settle(house, ACME)

    assert told(office) == {"anna@b.example", "both@b.example", "all@b.example"}


def test_who_stands_in_is_told_if_both_see_the_tenant(
    office: Office, house: House, mail: None
) -> None:
    """
    One of another tenant who stands in for somebody of this one is not, nor the reverse.
    """
    with house.database.begin() as work:
        for name, own in {"ina": [ACME], "out": [GLOBEX]}.items():
            work.people.save(name, [])
            tenants.give_person(work, name, own, by="a test")
            directory.link(work, name, by="a test", email=f"{name}@b.example")
        for giver, taker in (("anna", "out"), ("gus", "ina")):
            delegation.give(work, giver=giver, taker=taker, lasts=timedelta(hours=1), by="a test")
    number = settle(house, ACME)["approval"]
    assert told(office) == {"anna@b.example", "both@b.example", "all@b.example"}

    with house.database.begin() as work:
        delegation.give(work, giver="anna", taker="ina", lasts=timedelta(hours=1), by="a test")
        work.notices.plan([number], Event.OPENED)
    assert "ina@b.example" in told(office)
    assert "out@b.example" not in told(office)


def test_a_channel_of_a_tenant_tells_of_nothing_else(
    office: Office, house: House, receiver: Receiver
) -> None:
    """
    One without tenants tells of all.
    """
    vault = house.vault()
    for name in (ACME, GLOBEX):
        tenant(house, name)
    with house.database.begin() as work:
        for name, own in {"acme": [ACME], "globex": [GLOBEX], "every": []}.items():
            given = {"url": receiver.url, "secret": SECRET}
            row = directory.save(
                work, name, "webhook", given, vault=vault, by="a test", tenants=own
            )
            assert directory.document(row, {})["tenants"] == tenants.ids(work, own)
    made = settle(house, ACME)["approval"]
    office.ask()

    rows = office.rows(
        "select n.approval_id, c.name from notice n join channel c on c.id = n.channel_id"
        " order by 1, 2"
    )
    by_default = [row["name"] for row in rows if row["approval_id"] != made]
    assert [row["name"] for row in rows if row["approval_id"] == made] == ["acme", "every"]
    assert by_default == ["every"]


def test_a_channel_names_tenants_that_there_are(house: House, receiver: Receiver) -> None:
    """
    A slip would tell nobody.
    """

    def save() -> None:
        stored(
            house,
            lambda work: directory.save(
                work,
                "x",
                "webhook",
                {"url": receiver.url, "secret": SECRET},
                vault=house.vault(),
                by="a test",
                tenants=["Nobody"],
            ),
        )

    with pytest.raises(BadInput, match="tenant: 'Nobody' is no tenant"):
        save()


def test_who_may_not_hear_of_it_any_more_is_not_told_what_was_planned(
    office: Office, house: House, mail: None
) -> None:
    """
    Between the plan and the message somebody changes tenants, and another loses the role: what was
    to be sent to them is not; what is for others still is to be.
    """
    settle(house, ACME)
    with house.database.begin() as work:
        tenants.give_person(work, "anna", [GLOBEX], by="a test")
        work.people.save("both", ["somebody_else"])
    for row in office.notices():
        office.courier.send(row["id"])

    ended = {row["recipient"]: row["status"] for row in office.notices()}
    assert ended == {"anna@b.example": "moot", "both@b.example": "moot", "all@b.example": "planned"}


def test_a_channel_that_was_given_to_another_tenant_tells_nothing_of_this_one(
    office: Office, house: House, receiver: Receiver
) -> None:
    """
    Also not what it was to tell already.
    """
    for name in (ACME, GLOBEX):
        tenant(house, name)
    given = {"url": receiver.url, "secret": SECRET}

    def of(*own: str) -> None:
        with house.database.begin() as work:
            directory.save(
                work, "hook", "webhook", given, vault=house.vault(), by="a test", tenants=own
            )

    of(ACME)
    settle(house, ACME)
    of(GLOBEX)
    office.send_all()

    assert [row["status"] for row in office.notices()] == ["moot"]
    assert not receiver.got
