"""
Palo Alto Networks' room: the XML API of a PAN-OS firewall, one method per question.

In: an opened asset. Out: plain values, or the failure that the device's answer stands for.
Never: the API key in a URL, a sleep, or an answer whose status was not read.

Protocol facts: docs.paloaltonetworks.com, "PAN-OS XML API" (request types, error codes,
User-ID mapping); shapes of answers as pan-os-python 1.13 and pan-python 0.17 read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from soar.connector import (
    ActionContext,
    ActionFailed,
    BadCredentials,
    OutcomeUnknown,
    RetryLater,
    Secret,
    VendorSession,
    check,
)

VENDOR = "the Palo Alto firewall"
UNAUTHORIZED = frozenset({"403", "16"})
INTERNAL = frozenset({"2", "3", "4", "5", "11", "21"})
SESSION_TIMED_OUT = "22"
ABSENT = "7"
BUSY = "13"
"""Another commit holds the configuration; also other refusals, so the job queue decides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer of the device, its status read but not yet judged."""

    root: Element
    ok: bool
    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitJob:
    """One commit in the device's job list."""

    id: int
    description: str
    finished: bool
    ok: bool
    details: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Firewall:
    """One virtual system of one firewall."""

    http: VendorSession
    url: str
    key: Secret
    vsys: str

    def system(self) -> tuple[str, str]:
        """Return the device's host name and PAN-OS version."""
        root = self._ask("op", cmd="<show><system><info/></system></show>").root
        name = root.findtext("result/system/hostname") or "the firewall"
        return name, root.findtext("result/system/sw-version") or "unknown"

    def tags_of(self, ip: str) -> frozenset[str]:
        """Return the tags that an address carries now."""
        asked = (
            f"<show><object><registered-ip><ip>{escape(ip)}</ip></registered-ip></object></show>"
        )
        root = self._ask("op", cmd=asked, vsys=self.vsys).root
        return frozenset(
            member.text or ""
            for entry in root.iterfind("result/entry")
            if _same_address(entry.get("ip", ""), ip)
            for member in entry.iterfind("tag/member")
        )

    def register(self, ip: str, tag: str, seconds: int) -> bool:
        """Tag an address for so many seconds (0: for good); false if it had the tag already."""
        limit = f' timeout="{seconds}"' if seconds else ""
        member = f"<member{limit}>{escape(tag)}</member>"
        reply = self._user_id("register", f'<entry ip={quoteattr(ip)} persistent="1">', member)
        # "already exists, ignore" comes as an error without a code: what is true decides.
        if not reply.ok and _about_entries(reply) and tag in self.tags_of(ip):
            return False
        _accept(reply, writes=True)
        return True

    def unregister(self, ip: str, tag: str) -> bool:
        """Take a tag from an address; false if it did not carry it."""
        member = f"<member>{escape(tag)}</member>"
        reply = self._user_id("unregister", f"<entry ip={quoteattr(ip)}>", member)
        if not reply.ok and _about_entries(reply) and tag not in self.tags_of(ip):
            return False
        _accept(reply, writes=True)
        return True

    def urls(self, category: str, *, running: bool) -> frozenset[str]:
        """Return the entries of a custom URL category, as it runs or as it is edited."""
        form = {"action": "show" if running else "get", "xpath": self._category(category)}
        reply = self._send("config", form, writes=False)
        # A node that does not run is an error without a code; pan-os-python reads it the same way.
        if reply.code == ABSENT or (not reply.ok and reply.message.startswith("No such node")):
            return frozenset()
        _accept(reply, writes=False)
        return frozenset(member.text or "" for member in reply.root.iterfind(".//list/member"))

    def add_url(self, category: str, entry: str) -> None:
        """Add an entry to the edited category; ``set`` merges, so a repeat changes nothing."""
        element = f"<list><member>{escape(entry)}</member></list><type>URL List</type>"
        xpath = self._category(category)
        self._edit({"action": "set", "xpath": xpath, "element": element})

    def remove_url(self, category: str, entry: str) -> None:
        """Remove an entry from the edited category; one that is absent is fine."""
        member = f"/list/member[text()={_literal(entry)}]"
        self._edit({"action": "delete", "xpath": self._category(category) + member})

    def commit(self, admin: str, description: str) -> int | None:
        """Commit one administrator's changes; return the job, or ``None`` if there were none."""
        partial = f"<partial><admin><member>{escape(admin)}</member></admin></partial>"
        command = f"<commit><description>{escape(description)}</description>{partial}</commit>"
        reply = self._send("commit", {"cmd": command}, writes=True)
        self._not_busy(reply)
        job = _accept(reply, writes=True).root.findtext("result/job")
        return int(job) if job else None

    def commit_jobs(self) -> tuple[CommitJob, ...]:
        """Return the commits that the device still remembers, the newest first."""
        root = self._ask("op", cmd="<show><jobs><all/></jobs></show>").root
        jobs = [
            _job(job) for job in root.iterfind("result/job") if job.findtext("type") == "Commit"
        ]
        return tuple(sorted(jobs, key=lambda job: -job.id))

    def _category(self, name: str) -> str:
        return (
            "/config/devices/entry[@name='localhost.localdomain']"
            f"/vsys/entry[@name={_literal(self.vsys)}]"
            f"/profiles/custom-url-category/entry[@name={_literal(name)}]"
        )

    def _user_id(self, verb: str, entry: str, member: str) -> Reply:
        payload = f"<payload><{verb}>{entry}<tag>{member}</tag></entry></{verb}></payload>"
        message = f"<version>1.0</version><type>update</type>{payload}"
        form = {"cmd": f"<uid-message>{message}</uid-message>", "vsys": self.vsys}
        return self._send("user-id", form, writes=True)

    def _edit(self, form: Mapping[str, str]) -> None:
        reply = self._send("config", form, writes=True)
        self._not_busy(reply)
        if reply.code != ABSENT:
            _accept(reply, writes=True)

    def _not_busy(self, reply: Reply) -> None:
        if not reply.ok and reply.code == BUSY:
            for job in self.commit_jobs():
                if not job.finished:
                    raise RetryLater(f"commit job {job.id} is running", after=timedelta(seconds=5))

    def _ask(self, kind: str, **form: str) -> Reply:
        return _accept(self._send(kind, form, writes=False), writes=False)

    def _send(self, kind: str, form: Mapping[str, str], *, writes: bool) -> Reply:
        response = self.http.call(
            "POST",
            f"{self.url}/api/",
            writes=writes,
            data={"type": kind, **form},
            headers={"X-PAN-KEY": self.key.reveal()},
            allow_redirects=False,  # a redirect would carry the key to another host
        )
        return _read(check(response, vendor=VENDOR, writes=writes).content, writes=writes)


def firewall(ctx: ActionContext) -> Firewall:
    """Open the firewall of an asset."""
    url = ctx.asset.text("base_url").rstrip("/")
    if not url:
        raise ActionFailed(f"asset {ctx.asset.slug!r} has no base_url")
    return Firewall(
        http=ctx.http,
        url=url if "://" in url else f"https://{url}",
        key=ctx.asset.secret("api_key"),
        vsys=ctx.asset.text("vsys", "vsys1"),
    )


def _read(body: bytes, *, writes: bool) -> Reply:
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException):
        root = Element("unreadable")
    if root.tag != "response":
        if writes:
            raise OutcomeUnknown(f"{VENDOR} gave an answer that cannot be read to a write")
        raise ActionFailed(f"{VENDOR} gave an answer that is not of the XML API; check base_url")
    text = " ".join(" ".join(message.itertext()) for message in root.iter("msg"))
    notes = (entry.get("message", "") for entry in root.iterfind(".//uid-response//entry"))
    return Reply(
        root=root,
        ok=root.get("status") == "success",
        code=root.get("code", ""),
        message=" ".join(f"{text} {' '.join(notes)}".split())[:200],
    )


def _accept(reply: Reply, *, writes: bool) -> Reply:
    """Return a success, else raise the failure that the device's code stands for."""
    if reply.ok:
        return reply
    if reply.code in UNAUTHORIZED:
        raise BadCredentials(f"{VENDOR} refused the asset's key or role (code {reply.code})")
    if reply.code == SESSION_TIMED_OUT:
        raise RetryLater(f"the session on {VENDOR} timed out")
    if reply.code in INTERNAL and writes:
        raise OutcomeUnknown(f"{VENDOR} failed while it was writing (code {reply.code})")
    if reply.code in INTERNAL:
        raise RetryLater(f"{VENDOR} cannot answer now (code {reply.code})")
    raise ActionFailed(f"{VENDOR} refused (code {reply.code or 'none'}): {reply.message}")


def _about_entries(reply: Reply) -> bool:
    """Tell whether the device speaks about single entries, not about the whole request."""
    return reply.root.find(".//uid-response//entry") is not None


def _same_address(one: str, other: str) -> bool:
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False


def _literal(value: str) -> str:
    """Write a value as an XPath 1.0 literal, which knows no escapes."""
    if "'" in value:
        raise ActionFailed(f"{value!r} has a quote, which cannot be sent to the firewall")
    return f"'{value}'"


def _job(job: Element) -> CommitJob:
    return CommitJob(
        id=int(job.findtext("id") or 0),
        description=job.findtext("description") or "",
        finished=job.findtext("status") == "FIN",
        ok=job.findtext("result") == "OK",
        details="; ".join(line.text or "" for line in job.iterfind("details//line"))[:200],
    )
