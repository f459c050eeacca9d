"""
LDAP over TLS to a domain controller: the only file of this room that knows ldap3.

In: an asset (controller, service account). Out: accounts, or a failure by its name.
Never: plain LDAP, an unverified certificate, an anonymous bind, or a chased referral.

Sources: RFC 4511 (result codes); [MS-ADTS] 3.1.1.3 (LDAP in AD) and 5.1.1 (authentication);
[MS-ERREF] 2.2 (the Win32 code behind "data …" in a refused bind).
"""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from ldap3 import BASE, MODIFY_REPLACE, NONE, SIMPLE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException, LDAPInvalidDnError
from ldap3.utils.conv import escape_filter_chars

from soar.connector import (
    ActionContext,
    ActionFailed,
    AssetConfig,
    BadCredentials,
    OutcomeUnknown,
    RetryLater,
    cut_at_end,
    seconds_left,
    shut,
)
from soar.tasks.active_directory.account import ATTRIBUTES, Account, account_of

LDAPS_PORT = 636
CONNECT_SECONDS = 5
RECEIVE_SECONDS = 20
USERS = "(&(objectClass=user)(!(objectClass=computer)){})"
_DN = re.compile(r"[A-Za-z][A-Za-z0-9-]*=.+,.+", re.DOTALL)
_IDLE_BLANKS = re.compile(r"(?<!\\),\s+")
_BIND_CODE = re.compile(r"\bdata ([0-9a-f]{3})\b")

SUCCESS, TIME_LIMIT, NO_SUCH_OBJECT, BAD_DN, BAD_BIND, NO_RIGHTS = 0, 3, 32, 34, 49, 50
BUSY, UNAVAILABLE = 51, 52
BIND_REFUSALS = {
    "525": "the service account does not exist",
    "52e": "the service account's password is wrong",
    "530": "the service account may not sign in at this hour",
    "531": "the service account may not sign in from this machine",
    "532": "the service account's password has expired",
    "533": "the service account is disabled",
    "701": "the service account has expired",
    "773": "the service account must change its password first",
    "775": "the service account is locked out",
}


class VerifiedTls(Tls):  # type: ignore[misc]
    """
    TLS whose certificate *and name* are checked by OpenSSL, with SNI.

    ldap3's own wrap checks the name afterwards with ``ssl.match_hostname``, which is gone
    since Python 3.12, and its substitute knows no IP addresses.
    """

    def __init__(self, ca_file: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED, ca_certs_file=ca_file or None)
        self.context = ssl.create_default_context(cafile=ca_file or None)
        self.untrusted = False

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Shake hands with the controller under the name the asset gives it."""
        try:
            connection.socket = self.context.wrap_socket(
                connection.socket, server_hostname=connection.server.host
            )
        except ssl.SSLCertVerificationError:
            self.untrusted = True
            raise


class Directory:
    """A bound connection to one controller."""

    def __init__(self, connection: Any, base_dn: str) -> None:
        self._connection = connection
        self.base_dn = _IDLE_BLANKS.sub(",", base_dn) or self._default_base()

    def account(self, name: str) -> Account:
        """Return the one account with that name; none, or several, is a failure."""
        if not name:
            raise ActionFailed("parameter 'username' is empty")
        if _DN.fullmatch(name):
            found = self._search(_IDLE_BLANKS.sub(",", name), BASE, USERS.format(""))
        else:
            found = self._search(self.base_dn, SUBTREE, USERS.format(_condition(name)))
        inside = [a for a in found if _plain(a.dn).endswith(_plain(self.base_dn))]
        if not inside:
            raise ActionFailed(f"no such user: {name!r} is not below {self.base_dn}")
        if len(inside) > 1:
            raise ActionFailed(f"{name!r} names {len(inside)} users: give a distinguished name")
        return inside[0]

    def write_control(self, account: Account, control: int) -> None:
        """Set an account's flags; a lost answer is :class:`OutcomeUnknown`."""
        change = {"userAccountControl": [(MODIFY_REPLACE, [str(control)])]}
        seconds_left(RECEIVE_SECONDS)  # none left: nothing is sent
        try:
            self._connection.modify(account.dn, change)
        except LDAPException:
            raise OutcomeUnknown("the directory's answer to a write was lost") from None
        _judge(self._connection.result, account.dn)

    def _search(self, base: str, scope: str, condition: str) -> list[Account]:
        entries = self._entries(base, scope, condition, ATTRIBUTES)
        return [account_of(entry["dn"], entry["raw_attributes"]) for entry in entries]

    def _default_base(self) -> str:
        entries = self._entries("", BASE, "(objectClass=*)", ("defaultNamingContext",))
        found = [v for e in entries for v in e["raw_attributes"].get("defaultNamingContext", ())]
        if not found:
            raise ActionFailed("the directory does not name its domain: set the asset's base_dn")
        return str(found[0].decode())

    def _entries(
        self, base: str, scope: str, condition: str, names: tuple[str, ...]
    ) -> list[dict[str, Any]]:
        """Return the entries of one search; references to other controllers are left out."""
        try:
            self._connection.search(base, condition, scope, attributes=list(names))
        except LDAPInvalidDnError:
            raise ActionFailed(f"{base!r} is not a distinguished name") from None
        except LDAPException:
            raise RetryLater("the directory's answer was lost", no_answer=True) from None
        _judge(self._connection.result, base)
        return [e for e in self._connection.response if e["type"] == "searchResEntry"]


def _plain(dn: str) -> str:
    """Return a distinguished name as it is compared: without case and without idle blanks."""
    return re.sub(r"\s*([,=])\s*", r"\1", dn).lower()


def _condition(name: str) -> str:
    """Return the filter for an account name or a user principal name, every character escaped."""
    if "\\" in name:
        raise ActionFailed(f"give {name!r} without its domain, or as name@domain")
    attribute = "userPrincipalName" if "@" in name else "sAMAccountName"
    return f"({attribute}={escape_filter_chars(name)})"


def _judge(result: Mapping[str, Any], name: str) -> None:
    """Return for a success; every other result code becomes the failure it stands for."""
    code, word = result["result"], result.get("description") or "no description"
    if code == SUCCESS:
        return
    if code == BAD_BIND:
        found = _BIND_CODE.search(str(result.get("message") or ""))
        reason = BIND_REFUSALS.get(found[1] if found else "", "the sign-in was refused")
        raise BadCredentials(f"Active Directory: {reason}")
    if code == NO_RIGHTS:
        raise ActionFailed(f"insufficient rights: the service account may not change {name}")
    if code == NO_SUCH_OBJECT:
        raise ActionFailed(f"no such user: the directory has no {name}")
    if code == BAD_DN:
        raise ActionFailed(f"{name!r} is not a distinguished name")
    if code in {TIME_LIMIT, BUSY, UNAVAILABLE}:
        raise RetryLater(f"the directory asks to wait ({word})")
    raise ActionFailed(f"the directory refused the request ({code} {word})")


def _address(asset: AssetConfig) -> tuple[str, int]:
    """Return the controller's host and port; plain LDAP is refused."""
    given = asset.text("server")
    scheme, _, rest = given.rpartition("://")
    if not asset.flag("ssl", True) or scheme.lower() not in {"", "ldaps"}:
        raise ActionFailed(
            "plain LDAP would send the service account's password in the clear: "
            f"set ssl to true on asset {asset.slug!r}"
        )
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port or LDAPS_PORT
    except ValueError:
        host = None
    if not host:
        raise ActionFailed(f"asset {asset.slug!r}: server {given!r} is not host or host:port")
    return host, port


def _tls(asset: AssetConfig) -> VerifiedTls:
    try:
        return VerifiedTls(asset.text("ca_file"))
    except (OSError, LDAPException):
        raise ActionFailed(f"asset {asset.slug!r}: its ca_file cannot be read") from None


def _connection(asset: AssetConfig, tls: VerifiedTls) -> Any:
    host, port = _address(asset)
    if not asset.text("username"):
        raise BadCredentials(f"asset {asset.slug!r} has no username")
    connect = seconds_left(CONNECT_SECONDS)
    server = Server(host, port, use_ssl=True, tls=tls, get_info=NONE, connect_timeout=connect)
    return Connection(
        server,
        asset.text("username"),
        asset.secret("password").reveal(),
        authentication=SIMPLE,
        auto_referrals=False,  # a referral followed would show the password to its target
        receive_timeout=math.ceil(seconds_left(RECEIVE_SECONDS)),  # ldap3 packs it as an integer
    )


def _bind(connection: Any, tls: VerifiedTls) -> None:
    host, port = connection.server.host, connection.server.port
    try:
        connection.open()
        connection.bind()
    except LDAPException:
        if tls.untrusted:
            raise ActionFailed(
                f"TLS to {host} failed: its certificate is not trusted; set the asset's ca_file"
            ) from None
        raise RetryLater(
            f"no connection to the directory at {host}:{port}", no_answer=True
        ) from None


def _hang_up(connection: Any) -> None:
    with suppress(LDAPException):
        connection.unbind()
    if connection.socket:  # ldap3 leaves it open where opening failed half-way
        connection.socket.close()


def _cut(connection: Any) -> None:
    """Cut what is encrypted: a handshake has a time limit, and CPython loses a socket cut there."""
    if isinstance(connection.socket, ssl.SSLSocket):
        shut(connection.socket)


@contextmanager
def opened(ctx: ActionContext) -> Iterator[Directory]:
    """Lend the directory of an asset, signed in; hang up at the end whatever happens."""
    tls = _tls(ctx.asset)
    connection = _connection(ctx.asset, tls)
    try:
        with cut_at_end(lambda: _cut(connection)):
            _bind(connection, tls)
            ctx.heard()
            _judge(connection.result, connection.user)
            yield Directory(connection, ctx.asset.text("base_dn"))
    finally:
        _hang_up(connection)
