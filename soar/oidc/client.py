"""
What an operator has said of the provider: who it is, who we are there, what its word counts for.

In: settings. Out: one frozen :class:`Client`, or none where no issuer is set.
Never: a secret in a variable or a repr, or an address in clear beyond this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from soar.domain.errors import BadInput
from soar.domain.secret import Secret
from soar.settings import Settings

CALLBACK = "/login/callback"
VERIFIED = "email"
"""A claim that is a name only where the provider has verified it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """This installation, as its provider knows it."""

    issuer: str
    client_id: str
    redirect_uri: str
    secret: Secret | None = None
    ca_file: str = ""
    name: str = "single sign-on"
    scopes: str = "openid profile email"
    username_claim: str = ""
    groups_claim: str = "groups"
    roles: tuple[tuple[str, str], ...] = ()
    """Pairs of a group there and a role here."""
    acr: tuple[str, ...] = ()
    creates_people: bool = False
    most_seconds: int = 43_200
    """A sign-in at the provider that is older than this does not begin a session."""

    @property
    def names(self) -> tuple[str, ...]:
        """The claims that may hold somebody's name, the first that does counts."""
        return (self.username_claim,) if self.username_claim else ("preferred_username", VERIFIED)

    def username(self, claims: Mapping[str, object]) -> str:
        """Return the name that the claims give somebody, or nothing."""
        for name in self.names:
            value = claims.get(name)
            if name == VERIFIED and claims.get("email_verified") is not True:
                continue
            if isinstance(value, str) and value:
                return value
        return ""

    def roles_of(self, claims: Mapping[str, object]) -> list[str]:
        """Return the roles that somebody has by their groups; without the claim, none."""
        value = claims.get(self.groups_claim)
        groups = {value} if isinstance(value, str) else _texts(value)
        return list(dict.fromkeys(role for group, role in self.roles if group in groups))


def of(settings: Settings) -> Client | None:
    """Return the client that the settings make, or say which of them is missing or wrong."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise BadInput("SOAR_OIDC_CLIENT_ID", "is not set: the provider names it at registration")
    if not settings.public_url:
        raise BadInput("SOAR_PUBLIC_URL", "is not set: the provider sends people back there")
    if "openid" not in settings.oidc_scopes.split():
        raise BadInput("SOAR_OIDC_SCOPES", "must name openid, like: openid profile email")
    public = _safe("SOAR_PUBLIC_URL", settings.public_url).rstrip("/")
    return Client(
        issuer=_safe("SOAR_OIDC_ISSUER", settings.oidc_issuer),
        client_id=settings.oidc_client_id,
        redirect_uri=public + CALLBACK,
        secret=_secret(settings.oidc_client_secret_file),
        ca_file=_readable(settings.oidc_ca_file),
        name=settings.oidc_name,
        scopes=settings.oidc_scopes,
        username_claim=settings.oidc_username_claim,
        groups_claim=settings.oidc_groups_claim,
        roles=tuple(_pairs(settings.oidc_roles)),
        acr=tuple(settings.oidc_acr.split()),
        creates_people=settings.oidc_create_people,
        most_seconds=settings.session_hours * 3600,
    )


def is_safe(address: str, *, beside: str = "") -> bool:
    """Tell whether an address is TLS, or of this machine; *beside*: only where that one is, too."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_here(host) and (not beside or not is_tls(beside))


def is_tls(address: str) -> bool:
    """Tell whether an address begins with https."""
    return address.startswith("https://")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _safe(field: str, address: str) -> str:
    if not is_safe(address):
        raise BadInput(
            field, f"{address[:100]!r} must begin with https:// (http:// on loopback only)"
        )
    return address


def _secret(file: Path | None) -> Secret | None:
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadInput("SOAR_OIDC_CLIENT_SECRET_FILE", f"{file} cannot be read") from None
    if not text:
        raise BadInput("SOAR_OIDC_CLIENT_SECRET_FILE", f"{file} is empty")
    return Secret(text)


def _readable(file: Path | None) -> str:
    if file is None:
        return ""
    if not file.is_file():
        raise BadInput("SOAR_OIDC_CA_FILE", f"{file} is not there")
    return str(file)


def _pairs(text: str) -> Iterable[tuple[str, str]]:
    """Read GROUP=ROLE; GROUP=ROLE. A group may have = in its name: the last one parts."""
    for pair in filter(None, (part.strip() for part in text.split(";"))):
        group, _, role = pair.rpartition("=")
        if not (group.strip() and role.strip()):
            raise BadInput("SOAR_OIDC_ROLES", f"{pair[:60]!r} must be GROUP=ROLE, parted by ;")
        yield group.strip(), role.strip()


def _texts(value: object) -> set[str]:
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()
