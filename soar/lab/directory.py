"""
A small Active Directory over LDAPS: sign in, search, change userAccountControl.

In: LDAP from a client that trusts the lab's certificate. Out: entries, and AD's own refusals.
Never: plain LDAP, an address other than loopback, or a real person.

Sources: RFC 4511; [MS-ADTS] 3.1.1.3.2 (rootDSE), 2.2.16 (userAccountControl); the text of a
refused bind as domain controllers write it.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap import ldaperrors
from ldaptor.protocols.ldap.ldapserver import BaseLDAPServer
from twisted.internet import protocol, reactor, ssl

from soar.lab.server import LOOPBACK, write_certificate
from soar.lab.world import Person, World

DISABLED = 0x0002
NORMAL = 0x0200
REFUSED_BIND = (
    "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data {}, v4563"
)
NO_RIGHTS = "00002098: SecErr: DSID-031514A0, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0"
NO_OBJECT = "0000208D: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT), data 0"
FAULTS = ("lost_answer", "reset", "busy", "ignored", "refused")
"""
What may go wrong with the next change: its answer is lost, its connection is cut before it
happens, 51 busy, success without an effect, 53 unwilling to perform.
"""

Reply = Callable[[Any], None]


def person_password(username: str) -> str:
    """Return the password of one of the lab's people."""
    return f"lab-{username}-password"


@dataclass(kw_only=True, slots=True)
class User:
    """One user as the directory keeps it."""

    username: str
    name: str
    mail: str
    principal: str
    password: str
    title: str = ""
    control: int = NORMAL
    writer: bool = False
    """May change other users."""
    protected: bool = False
    """adminCount=1: nobody but a domain administrator may change it."""
    bind_code: str = ""
    """The code every sign-in is refused with: 773 must change its password, 775 locked out."""

    @property
    def guid(self) -> uuid.UUID:
        """The same on every start."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.username}.directory.lab")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the tree, as LDAP sees it."""

    dn: str
    attributes: dict[str, list[bytes]]

    def matches(self, wanted: Any) -> bool:
        """Hold a filter against it: and, or, not, present and equal, without case."""
        match wanted:
            case pureldap.LDAPFilter_and():
                return all(self.matches(part) for part in wanted)
            case pureldap.LDAPFilter_or():
                return any(self.matches(part) for part in wanted)
            case pureldap.LDAPFilter_not():
                return not self.matches(wanted.value)
            case pureldap.LDAPFilter_present():
                return bool(self._values(wanted.value))
            case pureldap.LDAPFilter_equalityMatch():
                asked = wanted.assertionValue.value.lower()
                return asked in [v.lower() for v in self._values(wanted.attributeDesc.value)]
        raise ldaperrors.LDAPUnwillingToPerform("this directory does not know such a filter")

    def asked_for(self, names: list[bytes]) -> list[tuple[str, list[bytes]]]:
        """Return the attributes with these names; all of them where none is given."""
        wanted = {name.decode().lower() for name in names} - {"*"}
        return [(n, v) for n, v in self.attributes.items() if not wanted or n.lower() in wanted]

    def _values(self, name: bytes) -> list[bytes]:
        return next((v for _, v in self.asked_for([name])), [])


@dataclass
class Domain:
    """All users of the domain, with the flags kept in a file of the folder."""

    folder: Path
    users: dict[str, User]
    base: str = "DC=example,DC=org"
    kept: Path = field(init=False)

    def __post_init__(self) -> None:
        self.kept = self.folder / "directory.json"
        if self.kept.exists():
            for name, control in json.loads(self.kept.read_text()).items():
                self.users[name].control = control

    def dn(self, user: User) -> str:
        """Where a user stands in the tree."""
        return f"CN={user.name},CN=Users,{self.base}"

    def at(self, dn: bytes) -> User | None:
        """Find a user by its distinguished name, in any case."""
        wanted = dn.decode(errors="replace").lower()
        return next((u for u in self.users.values() if self.dn(u).lower() == wanted), None)

    def signing_in(self, name: bytes) -> User | None:
        """Find a user by what it signs in with: UPN, DOMAIN\\user or distinguished name."""
        wanted = name.decode(errors="replace").lower()
        for user in self.users.values():
            if wanted in {user.principal.lower(), f"example\\{user.username}".lower()}:
                return user
        return self.at(name)

    def keep(self) -> None:
        """Write the flags down."""
        flags = {name: user.control for name, user in self.users.items()}
        self.kept.write_text(json.dumps(flags))

    def fault(self) -> str:
        """Take the fault that is switched on, if any; each happens once."""
        switch = self.folder / "directory-fault"
        if not switch.exists():
            return ""
        kind = switch.read_text()
        switch.unlink()
        return kind

    def entry(self, user: User) -> Entry:
        """Return a user as an LDAP entry."""
        attributes = {
            "objectClass": ["top", "person", "organizationalPerson", "user"],
            "cn": [user.name],
            "sAMAccountName": [user.username],
            "userPrincipalName": [user.principal],
            "displayName": [user.name],
            "mail": [user.mail],
            "title": [user.title],
            "userAccountControl": [str(user.control)],
            "memberOf": [f"CN=Staff,OU=Groups,{self.base}"],
            "pwdLastSet": ["133500000000000000"],
            "lastLogonTimestamp": ["0"],
            "msDS-User-Account-Control-Computed": ["16" if user.bind_code == "775" else "0"],
        }
        octets = {n: [v.encode() for v in values if v] for n, values in attributes.items()}
        octets["objectGUID"] = [user.guid.bytes_le]
        return Entry(self.dn(user), {name: values for name, values in octets.items() if values})


def domain_of(world: World, folder: Path) -> Domain:
    """Return the domain of this small world: its people, the service account, three odd ones."""
    principal = world.keys["directory_user"]
    service = principal.partition("@")[0]
    users = [_user(person) for person in world.people]
    users += [
        User(username=service, name="SOAR Service", mail="", principal=principal,
             password=world.keys["directory_password"], writer=True),
        _user(Person(username="administrator", name="Administrator", mail=""), protected=True),
        _user(Person(username="mlocked", name="Mary Locked", mail=""), bind_code="775"),
        _user(Person(username="nchange", name="Ned Change", mail=""), bind_code="773"),
    ]  # fmt: skip
    return Domain(folder=folder, users={user.username: user for user in users})


def _user(person: Person, **more: Any) -> User:
    return User(
        username=person.username,
        name=person.name,
        mail=person.mail,
        title=person.title,
        principal=f"{person.username}@example.org",
        password=person_password(person.username),
        **more,
    )


class Session(BaseLDAPServer):  # type: ignore[misc]
    """One client's connection."""

    fail_LDAPBindRequest = pureldap.LDAPBindResponse  # noqa: N815
    fail_LDAPSearchRequest = pureldap.LDAPSearchResultDone  # noqa: N815
    fail_LDAPModifyRequest = pureldap.LDAPModifyResponse  # noqa: N815

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.domain = domain
        self.user: User | None = None

    def handle_LDAPBindRequest(self, request: Any, controls: Any, reply: Reply) -> Any:  # noqa: N802
        """Sign a user in, or say why not as a domain controller does."""
        found = self.domain.signing_in(request.dn)
        code = _bind_refusal(found, request.auth)
        if code:
            raise ldaperrors.LDAPInvalidCredentials(REFUSED_BIND.format(code))
        self.user = found
        return pureldap.LDAPBindResponse(resultCode=0)

    def handle_LDAPUnbindRequest(self, request: Any, controls: Any, reply: Reply) -> None:  # noqa: N802
        """Hang up."""
        self.transport.loseConnection()

    def handle_LDAPSearchRequest(self, request: Any, controls: Any, reply: Reply) -> Any:  # noqa: N802
        """Answer the rootDSE to anybody, and users to those who signed in."""
        for entry in self._found(request):
            found = entry.asked_for(request.attributes)
            reply(pureldap.LDAPSearchResultEntry(objectName=entry.dn, attributes=found))
        return pureldap.LDAPSearchResultDone(resultCode=0)

    def handle_LDAPModifyRequest(self, request: Any, controls: Any, reply: Reply) -> Any:  # noqa: N802
        """Replace userAccountControl of a user, unless a fault is switched on."""
        fault = self.domain.fault()
        if fault == "reset":
            return self.transport.abortConnection()
        if fault in _FAULT_ERRORS:
            raise _FAULT_ERRORS[fault]("a fault is switched on")
        target = self._changeable(request.object)
        if fault != "ignored":
            target.control = _new_control(request.modification)
            self.domain.keep()
        if fault == "lost_answer":
            return self.transport.abortConnection()
        return pureldap.LDAPModifyResponse(resultCode=0)

    def _found(self, request: Any) -> list[Entry]:
        domain = self.domain
        if request.baseObject == b"":
            names = {"defaultNamingContext": [domain.base.encode()], "objectClass": [b"top"]}
            return [Entry("", names)]
        if self.user is None:
            raise ldaperrors.LDAPOperationsError("a successful bind must be completed")
        base = request.baseObject.decode().lower()
        if request.scope == pureldap.LDAP_SCOPE_baseObject:
            users = [domain.at(request.baseObject)]
        else:
            users = [u for u in domain.users.values() if domain.dn(u).lower().endswith(base)]
        entries = [domain.entry(user) for user in users if user]
        if not entries:
            raise ldaperrors.LDAPNoSuchObject(NO_OBJECT)
        return [entry for entry in entries if entry.matches(request.filter)]

    def _changeable(self, dn: bytes) -> User:
        target = self.domain.at(dn)
        if target is None:
            raise ldaperrors.LDAPNoSuchObject(NO_OBJECT)
        if self.user is None or not self.user.writer or target.protected:
            raise ldaperrors.LDAPInsufficientAccessRights(NO_RIGHTS)
        return target


_FAULT_ERRORS = {"busy": ldaperrors.LDAPBusy, "refused": ldaperrors.LDAPUnwillingToPerform}


def _bind_refusal(user: User | None, password: bytes) -> str:
    if user is None:
        return "525"
    if password.decode(errors="replace") != user.password:
        return "52e"
    return "533" if user.control & DISABLED else user.bind_code


def _new_control(modification: Any) -> int:
    """Read the one change this directory knows: replace userAccountControl (RFC 4511, 4.6)."""
    operation, change = modification[0]
    name, values = change
    if operation.value != 2 or name.value.lower() != b"useraccountcontrol":
        raise ldaperrors.LDAPUnwillingToPerform("only userAccountControl can be replaced")
    return int(next(iter(values)).value)


class _Sessions(protocol.ServerFactory):  # type: ignore[misc]
    def __init__(self, domain: Domain) -> None:
        self.domain = domain

    def buildProtocol(self, address: Any) -> Session:  # noqa: N802
        return Session(self.domain)


def serve(folder: Path, port: int, certificate: Path, key: Path) -> None:
    """Serve until SIGTERM; the first line of output names the port."""
    chain = ssl.PrivateCertificate.loadPEM(key.read_bytes() + certificate.read_bytes())
    sessions = _Sessions(domain_of(World(), folder))
    door = reactor.listenSSL(port, sessions, chain.options(), interface=LOOPBACK)
    print(f"ready {LOOPBACK} {door.getHost().port}", flush=True)
    reactor.run()


@dataclass
class DirectoryServer:
    """The directory as a process of its own, started and ended by its owner."""

    folder: Path
    port: int = 0
    host: str = LOOPBACK
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.certificate, self._key = write_certificate(self.folder)

    def start(self) -> DirectoryServer:
        """Start the process and wait for its ready line."""
        command = [sys.executable, "-m", "soar.lab.directory", "--folder", str(self.folder)]
        command += ["--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line.startswith("ready "):
            self.stop()
            raise RuntimeError("the directory did not start")
        self.port = int(line.split()[2])
        return self

    def stop(self) -> None:
        """End the process, and no other."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def fault(self, kind: str) -> None:
        """Switch on what goes wrong with the next change."""
        if kind not in FAULTS:
            raise ValueError(f"fault must be one of {', '.join(FAULTS)}, not {kind!r}")
        (self.folder / "directory-fault").write_text(kind)

    def state(self) -> dict[str, dict[str, Any]]:
        """Which users were changed so far, and whether they are disabled now."""
        kept = self.folder / "directory.json"
        flags: dict[str, int] = json.loads(kept.read_text()) if kept.exists() else {}
        return {
            name: {"user_account_control": control, "disabled": bool(control & DISABLED)}
            for name, control in flags.items()
        }


def main() -> None:
    """Run the directory from the command line."""
    parser = argparse.ArgumentParser(description="A small Active Directory over LDAPS.")
    parser.add_argument("--folder", type=Path, required=True, help="where its state is kept")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--certificate", type=Path, help="default: one made in the folder")
    parser.add_argument("--key", type=Path, help="the certificate's key")
    given = parser.parse_args()
    certificate, key = given.certificate, given.key
    if not (certificate and key):
        certificate, key = write_certificate(given.folder)
    serve(given.folder, given.port, certificate, key)


if __name__ == "__main__":
    main()
