"""
Who may do what over REST: every address asks for its permission, and nobody gives what they lack.

In: a real server, clients with tokens of people with just these roles.
Out: answers and refusals, rows and audit entries.
Never: an address that lets somebody pass who has every permission but the one it needs.
"""

from __future__ import annotations

from typing import Any, cast

import pytest

from soar import access, roles
from soar.api.app import create
from soar.api.door import Guarded
from soar.bootstrap import House
from soar.domain.roles import AREAS, BUILT_IN, EVERYTHING, LOOK, VERBS, permission
from soar.store.rows import Queries
from tests.integration.rest.stage import Client, Question, ask, client_of

ADDRESSES = [
    (method, route.path.format(id=1, asset="vt"), permission(verb, area))
    for route in create(cast(Any, None)).routes
    if isinstance(route, Guarded)
    for method in sorted(route.methods or ())
    for area, verb in [route.needs.of(method) or ("", "")]
    if area
]
NEEDS = "it needs the permission"


def make_role(house: House, name: str, permissions: frozenset[str]) -> str:
    """Make a role as the operator does."""
    with house.database.begin() as work:
        roles.add(work, name, description="", permissions=permissions, by="test")
    return name


def holder(house: House, url: str, name: str, *permissions: str) -> Client:
    """Return a client of somebody who may do exactly this."""
    role = make_role(house, f"role of {name}", frozenset(permissions))
    return client_of(house, url, name, role, looks=False)


def send(client: Client, method: str, path: str) -> tuple[int, str]:
    """Send a request with an empty object; return its status and what it says."""
    answer = client.session.request(
        method,
        client.url + path,
        data=b"{}" if method == "POST" else None,
        headers={"ph-auth-token": client.token},
        timeout=30,
    )
    return answer.status_code, answer.text


def audited(house: House) -> list[tuple[Any, ...]]:
    """Return who changed which role, and how."""
    return house.database.run(
        "select who, what, detail->>'role' from audit where starts_with(what, 'role ') order by id",
        {},
    )


def splunks(*permissions: str) -> list[dict[str, str]]:
    """Return permissions as a client of Splunk writes them."""
    found: dict[str, dict[str, str]] = {}
    for one in permissions:
        verb, area = one.split()
        found.setdefault(area, {"name": area})[verb] = "allow"
    return list(found.values())


def test_every_address_refuses_who_lacks_its_permission_only(house: House, url: str) -> None:
    """
    Somebody may do everything but what the address needs: 403, by whichever method, and the
    sentence names the permission and who would give it.
    """
    clients = {
        needed: holder(house, url, f"no{n}", *(EVERYTHING - {needed}))
        for n, needed in enumerate(sorted({needed for _, _, needed in ADDRESSES}))
    }

    assert len(ADDRESSES) > 50
    for method, path, needed in ADDRESSES:
        status, text = send(clients[needed], method, path)
        assert status == 403, (method, path, needed, text)
        if method != "HEAD":
            assert f"{NEEDS} '{needed}'" in text
            assert "Administrator, " in text
            assert "admin, " in text


def test_every_address_lets_in_who_has_its_permission_only(house: House, url: str) -> None:
    """
    One permission is enough: what comes then is the answer of the address, not of the door.
    """
    clients = {
        needed: holder(house, url, f"only{n}", needed)
        for n, needed in enumerate(sorted({needed for _, _, needed in ADDRESSES}))
    }

    for method, path, needed in ADDRESSES:
        status, text = send(clients[needed], method, path)
        assert NEEDS not in text, (method, path, needed, text)
        assert status not in (401, 405, 500), (method, path, text)


def test_a_name_that_is_no_role_permits_nothing(house: House, url: str) -> None:
    """
    Whoever has only such names reads nothing, and is told who would let them.
    """
    client = client_of(house, url, "ada", "soc_tier2", looks=False)

    answer = client.get("/rest/container")

    assert answer.status_code == 403
    assert answer.json() == {
        "failed": True,
        "message": "ada may not view containers: it needs the permission 'view containers', which"
        f" these roles give: {', '.join(BUILT_IN)}",
    }
    assert client.get("/rest/version").status_code == 200


def test_a_role_counts_at_once_and_a_disabled_one_no_more(
    house: House, url: str, admin: Client
) -> None:
    """
    The same token may more or less as soon as its role is made, edited, disabled, enabled.
    """
    client = client_of(house, url, "tom", "tier1", looks=False)
    seen = [client.get("/rest/asset").status_code]

    made = admin.post("/rest/role", {"name": "tier1", "permissions": splunks("view assets")})
    at = f"/rest/role/{made.json()['id']}"
    seen.append(client.get("/rest/asset").status_code)
    admin.delete(at)
    seen.append(client.get("/rest/asset").status_code)
    admin.post(at, {"disabled": False})
    seen.append(client.get("/rest/asset").status_code)
    admin.post(at, {"permissions": splunks("view containers")})
    seen.append(client.get("/rest/asset").status_code)

    assert seen == [403, 200, 403, 200, 403]
    assert client.get("/rest/container").status_code == 200
    with house.database.begin() as work:
        assert work.people.get("tom")["roles"] == ["tier1"]


def test_roles_are_shown_in_splunks_form(reader: Client, admin: Client) -> None:
    """
    Every built-in role is there, immutable, with every area and verb; lists are filtered as ever.
    """
    every = reader.get("/rest/role", page_size=0).json()["data"]
    (found,) = reader.get("/rest/role", _filter_name='"Administrator"').json()["data"]
    own = admin.post("/rest/role", {"name": "tier1", "permissions": splunks("edit assets")}).json()

    assert [role["name"] for role in every] == list(BUILT_IN)
    assert all(role["immutable"] and not role["disabled"] for role in every)
    assert (found["id"], found["version"], found["type"]) == (1, 1, "normal")
    assert [item["name"] for item in found["permissions"]] == list(AREAS)
    assert all(item[verb] == "allow" for item in found["permissions"] for verb in VERBS)
    one = reader.get(f"/rest/role/{own['id']}").json()
    assert (one["id"], one["immutable"], one["name"]) == (101, False, "tier1")
    (assets,) = [item for item in one["permissions"] if item["name"] == "assets"]
    assert {verb: assets[verb] for verb in VERBS} == {
        "view": "deny",
        "edit": "allow",
        "delete": "deny",
        "execute": "deny",
    }
    assert reader.ids("/rest/role", _filter_immutable="False") == [101]


def test_a_role_is_made_edited_and_disabled_on_the_record(house: House, admin: Client) -> None:
    """
    A disabled role leaves the list and is found by its id; who disables it again finds none.
    """
    body = {"name": "tier1", "description": "First line", "permissions": splunks("view assets")}
    number = admin.post("/rest/role", body).json()["id"]
    at = f"/rest/role/{number}"

    assert admin.post("/rest/role", body).status_code == 409
    sent_back = {"permissions": admin.get(at).json()["permissions"], "description": "Line 1"}
    assert admin.post(at, sent_back).json() == {"success": True, "id": number, "name": "tier1"}
    one = admin.get(at).json()
    assert (one["description"], one["permissions"]) == ("Line 1", sent_back["permissions"])

    assert admin.delete(at).json() == {"success": True, "id": number}
    assert admin.delete(at).status_code == 404
    assert number not in admin.ids("/rest/role")
    assert admin.get(at).json()["disabled"] is True
    assert admin.post("/rest/role", body).status_code == 409
    assert audited(house) == [
        ("root", "role added", "tier1"),
        ("root", "role edited", "tier1"),
        ("root", "role disabled", "tier1"),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "Admin"}, 409),
        ({"name": "observer"}, 409),
        ({"name": ""}, 400),
        ({"name": "a\nb"}, 400),
        ({"name": "x", "permissions": [{"name": "moon", "view": "allow"}]}, 400),
        ({"name": "x", "immutable": True}, 400),
        ({"name": "x", "add_users": [1]}, 400),
        ({"name": "x", "disabled": True}, 400),
        ({"name": "x", "description": "x" * 1001}, 400),
        ([], 400),
    ],
)
def test_what_is_no_role_is_refused(admin: Client, body: Any, status: int) -> None:
    """
    A name that could be taken for a built-in role, or a field that would do nothing.
    """
    assert admin.post("/rest/role", body).status_code == status
    assert admin.ids("/rest/role", _filter_immutable="False") == []


def test_a_built_in_role_cannot_be_changed_by_anybody(admin: Client) -> None:
    """
    Neither edited nor disabled, not by an administrator either.
    """
    for role in BUILT_IN.values():
        at = f"/rest/role/{role.id}"
        before = admin.get(at).json()

        for answer in (
            admin.post(at, {"permissions": []}),
            admin.post(at, {"disabled": True}),
            admin.delete(at),
        ):
            assert answer.status_code == 403
            assert "is built in" in answer.json()["message"]
        assert admin.get(at).json() == before


def test_the_name_of_a_role_stays(admin: Client) -> None:
    """
    People and approvals know it by its name.
    """
    number = admin.post("/rest/role", {"name": "tier1"}).json()["id"]

    assert admin.post(f"/rest/role/{number}", {"name": "tier2"}).status_code == 400
    assert admin.post(f"/rest/role/{number}", {"name": "tier1"}).status_code == 200
    assert admin.post(f"/rest/role/{number}", {"disabled": "no"}).status_code == 400


def test_nobody_gives_what_they_lack(house: House, url: str) -> None:
    """
    Who edits roles makes and changes those within their own permissions; beyond, nothing changes.
    """
    keeper = holder(
        house, url, "kim", "view users_roles", "edit users_roles", "delete users_roles", "view apps"
    )
    make_role(house, "above", frozenset({"edit assets"}))
    make_role(house, "asleep", frozenset({"edit assets"}))
    with house.database.begin() as work:
        roles.disable(work, "asleep", by="test")
    numbers = {
        row["name"]: row["id"]
        for row in keeper.get("/rest/role", page_size=0, _filter_immutable="False").json()["data"]
    }
    own, above = (f"/rest/role/{numbers[name]}" for name in ("role of kim", "above"))
    asleep = f"/rest/role/{numbers['above'] + 1}"

    for path, body in (
        ("/rest/role", {"name": "mine", "permissions": splunks("view apps", "edit assets")}),
        (own, {"permissions": splunks("edit users_roles", "edit assets")}),
        (above, {"permissions": []}),
        (above, {"description": "mine"}),
        (asleep, {"disabled": False}),
        (asleep, {"permissions": [], "disabled": False}),
    ):
        answer = keeper.post(path, body)
        assert answer.status_code == 403, (path, body)
        assert "not: edit assets" in answer.json()["message"]
    assert keeper.delete(above).status_code == 403

    made = keeper.post("/rest/role", {"name": "mine", "permissions": splunks("view apps")})
    assert made.status_code == 200
    with house.database.begin() as work:
        known = {row["name"]: set(row["permissions"]) for row in work.roles.all()}
    assert known["mine"] == {"view apps"}
    assert known["above"] == {"edit assets"}
    assert "edit assets" not in known["role of kim"]
    assert "asleep" not in known


def test_who_is_asked_sees_that_and_nothing_else(
    house: House, url: str, analyst: Client, question: Question
) -> None:
    """
    A question needs no permission of who may answer it; another's stays hidden, also in the list.
    """
    ada = client_of(house, url, "tina", "soc_tier2", looks=False)
    eve = client_of(house, url, "eve", "soc_tier9", looks=False)
    at = f"/rest/approval/{question.id}"

    assert ada.ids("/rest/approval") == [question.id]
    assert ada.get("/rest/approval").json()["count"] == 1
    assert (eve.ids("/rest/approval"), eve.get(at).status_code) == ([], 403)
    assert eve.ids("/rest/approval", _filter_addressees__contains="soc_tier2") == []
    assert ada.get(f"/rest/container/{question.container}").status_code == 403
    shown = ada.get(at)
    assert shown.status_code == 200
    body = {"choice": "Monitor Only", "payload_digest": shown.json()["payload_digest"]}
    assert eve.post(at, body).status_code == 403
    assert ada.post(at, body).status_code == 200
    assert analyst.get(at).json()["answered_by"] == "tina"


def test_permissions_do_not_answer_approvals(house: House, url: str, admin: Client) -> None:
    """
    Who may do everything is still not the one who is asked.
    """
    everything = holder(house, url, "max", *EVERYTHING)
    question = ask(house, admin)
    at = f"/rest/approval/{question.id}"
    digest = everything.get(at).json()["payload_digest"]

    answer = everything.post(at, {"choice": "Isolate Host", "payload_digest": digest})

    assert answer.status_code == 403
    assert "is for 'soc_tier2'" in answer.json()["message"]


def test_who_asks_is_read_with_what_they_may_do(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One statement tells both: a check costs no query.
    """
    make_role(house, "tier1", frozenset({"edit assets"}))
    with house.database.begin() as work:
        token = access.create_token(work, "tom", roles=["tier1", "Observer", "soc_tier2"])
    asked, executed = [], Queries._executed

    def counted(self: Queries, sql: str, values: Any) -> Any:
        asked.append(sql)
        return executed(self, sql, values)

    with house.database.begin() as work:
        monkeypatch.setattr(Queries, "_executed", counted)
        person = access.authenticate(work, token)
        roles.require(work, person, "assets", "edit")

    assert len(asked) == 1
    assert person.permissions == LOOK | {"edit assets"}
