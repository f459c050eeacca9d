"""
Signing in through a provider: who goes there comes back as the person they are linked to.

In: a browser that leaves and returns, and whom the provider vouches for. Out: a session, or a
refusal in one sentence. Never: a person found by their name (issuer and subject say who it is), a
role of an operator's taken away by a group, or a way back that counts twice or in another browser.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from soar import identity, users
from soar.access import USERNAME, NotAuthenticated, token_hash
from soar.domain.errors import BadInput, Conflict, NotFound
from soar.identity import UNKNOWN, Limits
from soar.oidc import client as clients
from soar.oidc.client import Client
from soar.oidc.errors import Refused
from soar.oidc.provider import Vouched
from soar.oidc.token import LEEWAY, LONGEST_SUBJECT
from soar.settings import Settings
from soar.store.rows import Row
from soar.store.work import Work
from soar.telemetry import log

__all__ = ["CONFIRM", "SIGN_IN", "Hop", "arrive", "client", "confirm", "depart", "sign_in"]

SIGN_IN, CONFIRM = "sign in", "confirm"
LONGEST_STATE = 100
LONGEST_ISSUER = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """
    One way to the provider and back, for one browser.

    Nonce and verifier are made of the browser's own cookie: nobody else can bring the answer back,
    and nothing that is kept here lets anybody try.
    """

    state: str = field(repr=False)
    cookie: str = field(repr=False)
    purpose: str = SIGN_IN
    wanted: str = ""
    began: datetime | None = None

    @property
    def nonce(self) -> str:
        """What the id_token must repeat."""
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """What only who began can give with the code (RFC 7636)."""
        return self._made("verifier")

    @property
    def anew(self) -> bool:
        """Whether the provider must ask for a proof although somebody is signed in there."""
        return self.purpose == CONFIRM

    def _made(self, what: str) -> str:
        text = f"soar {what} {self.state}".encode()
        digest = hmac.new(self.cookie.encode(), text, sha256).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def client(settings: Settings) -> Client | None:
    """Return the client that the settings make, with roles that can be."""
    found = clients.of(settings)
    if found is not None:
        try:
            users.checked_roles([role for _, role in found.roles])
        except BadInput as error:
            raise BadInput("SOAR_OIDC_ROLES", str(error)) from None
    return found


def depart(work: Work, cookie: str, *, purpose: str, wanted: str, address: str) -> Hop:
    """Let a browser leave for the provider."""
    hop = Hop(state=secrets.token_urlsafe(32), cookie=cookie, purpose=purpose, wanted=wanted)
    work.identities.depart(
        token_hash(hop.state), token_hash(cookie), purpose=purpose, wanted=wanted, address=address
    )
    return hop


def arrive(work: Work, state: str, cookies: Mapping[str, str]) -> Hop:
    """Take a hop once, for the browser that left; *cookies* has the one that counts for each."""
    hashes = {purpose: token_hash(cookie) for purpose, cookie in cookies.items() if cookie}
    row = None
    if 0 < len(state) <= LONGEST_STATE and state.isascii():
        row = work.identities.arrive(token_hash(state), hashes)
    if row is None:
        raise Refused(
            "this sign-in was not begun in this browser, was used already or took longer than"
            " 10 minutes: begin again",
            why="unknown state",
        )
    return Hop(
        state=state,
        cookie=cookies[row["purpose"]],
        purpose=row["purpose"],
        wanted=row["wanted"],
        began=row["create_time"],
    )


def sign_in(work: Work, client: Client, vouched: Vouched, *, address: str, limits: Limits) -> str:
    """Return the secret of a new session of the person that the provider vouches for."""
    row = work.identities.of(vouched.issuer, vouched.subject) or _made(work, client, vouched)
    if not row["active"] or row["kind"] == "automation":
        raise Refused("you may not sign in here: ask your operator", why="disabled or a machine")
    _provide(work, client, vouched, row)
    secret = identity.begin(
        work,
        {"person_id": row["person_id"], "one_time": False},
        address=address,
        limits=limits,
        authenticated_at=vouched.authenticated_at or UNKNOWN,
    )
    work.audit(row["username"], "signed in", {"address": address, **_shown(vouched)})
    return secret


def confirm(
    work: Work, secret: str, client: Client, vouched: Vouched, *, began: datetime, address: str
) -> None:
    """Make a session young: its person has just shown the provider again who they are."""
    row = identity.standing(work, secret)
    if row is None or row["only_password"]:
        raise NotAuthenticated(identity.ENDED)
    found = work.identities.of(vouched.issuer, vouched.subject)
    if found is None or found["person_id"] != row["person_id"]:
        raise Refused(
            f"at {client.name} you are somebody else than here: nothing was confirmed",
            why="confirmed by somebody else",
        )
    shown = vouched.authenticated_at
    if shown is None:
        raise Refused(
            f"{client.name} does not say when you signed in there: its operator must put auth_time"
            " into the id_token",
            why="no auth_time",
        )
    if shown <= row["authenticated_at"] or shown < began - timedelta(seconds=LEEWAY):
        raise Refused(
            f"{client.name} did not ask you again: nothing was confirmed", why="auth_time not new"
        )
    work.sessions.authenticated(row["id"], at=shown)
    work.audit(row["username"], "confirmed", {"address": address, **_shown(vouched)})


def refused(work: Work, why: str, *, address: str, vouched: Vouched | None) -> None:
    """Keep that somebody came back from the provider and was not let in."""
    detail: dict[str, Any] = {"address": address, "why": why}
    if vouched is not None:
        detail |= {"issuer": vouched.issuer, "subject": vouched.subject}
    log.warning("sign_in_refused", user="", address=address, why=why)
    work.audit("system", "sign-in through the provider refused", detail)


def link(work: Work, username: str, *, issuer: str, subject: str, by: str) -> None:
    """Say who a person is at a provider: from then on they sign in through it."""
    if not clients.is_safe(issuer) or len(issuer) > LONGEST_ISSUER:
        raise BadInput("issuer", f"{issuer[:100]!r} must begin with https://")
    if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
        raise BadInput("subject", f"{subject[:60]!r} must be 1 to {LONGEST_SUBJECT} letters")
    person = work.people.get(username)
    if person["kind"] == "automation":
        raise BadInput("user", f"{username!r} is a machine: it has tokens, and never signs in")
    if not work.identities.link(person["id"], issuer, subject, by=by):
        raise Conflict(
            f"{username!r} or this subject is linked at {issuer} already: see `soar user show`,"
            " and `soar user unlink` first"
        )
    work.audit(by, "identity linked", {"user": username, "issuer": issuer, "subject": subject})


def unlink(work: Work, username: str, *, issuer: str, by: str) -> int:
    """Forget who a person is at a provider, and the roles of their groups; sessions end."""
    person = work.people.get(username)
    gone = work.identities.unlink(person["id"], issuer)
    if gone is None:
        raise NotFound(f"{username!r} is not linked at {issuer}: see `soar user show {username}`")
    left = [role for role in person["roles"] if role not in gone["provided"]]
    work.people.set_roles(person["id"], left)
    ended = work.sessions.end_all(person["id"])
    detail = {"user": username, "issuer": issuer, "subject": gone["subject"], "roles": left}
    work.audit(by, "identity unlinked", detail)
    return ended


def _made(work: Work, client: Client, vouched: Vouched) -> Row:
    """Return a new person, where the operator wants that; nobody's name is ever taken over."""
    if not client.creates_people:
        raise Refused(
            f"nobody here is linked to your account at {client.name}: ask your operator to link"
            f" the subject {vouched.subject!r}",
            why="not linked",
        )
    username = client.username(vouched.claims)
    if not USERNAME.fullmatch(username):
        raise Refused(
            f"{client.name} gives you no name that can be one here: ask your operator",
            why="no username",
        )
    number = work.identities.new_person(username)
    if number is None:
        raise Refused(
            f"there is somebody named {username!r} here: if that is you, ask your operator to link"
            f" the subject {vouched.subject!r}",
            why="the name is taken",
        )
    detail = {"user": username, "issuer": vouched.issuer, "subject": vouched.subject}
    work.identities.link(number, vouched.issuer, vouched.subject, by="sign-in")
    work.audit("system", "user added", {**detail, "roles": []})
    found = work.identities.of(vouched.issuer, vouched.subject)
    assert found is not None
    return found


def _provide(work: Work, client: Client, vouched: Vouched, row: Row) -> None:
    """Give somebody the roles of their groups instead of those they had by groups before."""
    given = [role for role in row["roles"] if role not in row["provided"]]
    provided = [role for role in client.roles_of(vouched.claims) if role not in given]
    roles = given + provided
    if set(provided) == set(row["provided"]):
        return
    work.identities.provide(row["person_id"], vouched.issuer, roles=roles, provided=provided)
    detail = {"user": row["username"], "roles": roles, "before": row["roles"], "groups": provided}
    work.audit("system", "user roles set", detail)


def _shown(vouched: Vouched) -> dict[str, Any]:
    """Return what an entry says of the provider's word."""
    at = vouched.authenticated_at
    return {
        "issuer": vouched.issuer,
        "subject": vouched.subject,
        "acr": vouched.acr,
        "auth_time": at.isoformat() if at else None,
    }
