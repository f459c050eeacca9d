"""
A simulated PAN-OS firewall: User-ID tags, a custom URL category, candidate and running config.

In: ``/api/`` as GET or POST form, the key as ``key=`` or ``X-PAN-KEY``. Out: the firewall's XML,
errors included: HTTP 200 with ``status="error"`` for all but a bad key.
Never: an effect on a network. What pan-os-python reads is what it gets from the device.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape, quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from soar.lab.simulator import Simulator
from soar.lab.vendors.palo_alto_configuration import Category, Configuration, Job, Lists
from soar.lab.world import World

ADMIN = "soar"
PASSWORD = "lab-palo-alto-password"
VERSION = "11.1.4"
_CATEGORY = re.compile(
    r"/config/devices/entry\[@name='localhost\.localdomain'\]/vsys/entry\[@name='([^']+)'\]"
    r"/profiles/custom-url-category(?:/entry\[@name='([^']+)'\])?(/list(?:/member\[text\(\)='([^']*)'\])?)?"
)


class RefusedError(Exception):
    """The device answers ``status="error"`` with this code and these words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _answer(inner: str, *, status: str = "success", code: str = "", http: int = 200) -> Response:
    mark = f" code={quoteattr(code)}" if code else ""
    return Response(
        f'<response status="{status}"{mark}>{inner}</response>',
        status=http,
        content_type="application/xml; charset=UTF-8",
    )


def _parsed(text: str) -> Element:
    try:
        root: Element = fromstring(text)
    except (ParseError, DefusedXmlException):
        raise RefusedError("18", "Malformed Request") from None
    return root


def _words(root: Element) -> list[str]:
    """The names of a command's elements from the outside in: show, system, info."""
    words = [root.tag]
    while len(root):
        root = root[0]
        words.append(root.tag)
    return words


@dataclass
class PaloAlto(Simulator):
    """One firewall, known by the name of the lab's world."""

    vendor: str = "palo_alto"
    world: World = field(default_factory=World)
    clock: Callable[[], float] = time.time
    commit_looks: int = 2
    """How many looks at the job queue a commit stays unfinished."""

    def __post_init__(self) -> None:
        self.routes = (Rule("/api/", methods=["GET", "POST"], endpoint=self.api),)
        super().__post_init__()
        self.reset()

    def reset(self) -> None:
        """Make it a firewall that was never talked to."""
        self.tags: dict[str, dict[str, float]] = {}
        self.registrations: Counter[str] = Counter()
        self.configuration = Configuration()
        self.refuse_with = ""
        """An error code that every request gets until it is taken back."""

    def state(self) -> Mapping[str, Any]:
        """What is blocked now, and how often something took effect."""
        return {
            "blocked_ips": sorted(ip for ip in self.tags if self._live(ip)),
            "blocked_urls": sorted(
                {url for urls in self.configuration.running.values() for url in urls}
            ),
            "tags": {ip: sorted(self._live(ip)) for ip in self.tags if self._live(ip)},
            "registrations": dict(self.registrations),
            "commits": len(self.configuration.jobs),
            "uncommitted": len(self.configuration.changes),
        }

    def api(self, request: Request) -> Response:
        """Answer one call of the XML API."""
        kinds = {
            "keygen": self._keygen,
            "op": self._operational,
            "user-id": self._user_id,
            "config": self._config,
            "commit": self._commit,
        }
        form = request.values.to_dict()
        kind = form.get("type", "")
        if kind != "keygen" and self._key(request, form) != self.world.keys["palo_alto"]:
            return _answer(
                "<result><msg>Invalid Credential</msg></result>",
                status="error",
                code="403",
                http=403,
            )
        try:
            if self.refuse_with:
                raise RefusedError(self.refuse_with, "refused by a switch of the lab")
            if kind not in kinds:
                raise RefusedError("400", f'Illegal value for parameter "type" [{kind}].')
            return kinds[kind](form)
        except RefusedError as refusal:
            lines = f"<msg><line>{escape(str(refusal))}</line></msg>"
            return _answer(lines, status="error", code=refusal.code)

    @staticmethod
    def _key(request: Request, form: Mapping[str, str]) -> str:
        return request.headers.get("X-PAN-KEY", "") or form.get("key", "")

    def _keygen(self, form: Mapping[str, str]) -> Response:
        if (form.get("user"), form.get("password")) != (ADMIN, PASSWORD):
            return _answer(
                "<result><msg>Invalid Credential</msg></result>",
                status="error",
                code="403",
                http=403,
            )
        return _answer(f"<result><key>{escape(self.world.keys['palo_alto'])}</key></result>")

    # Operational commands

    def _operational(self, form: Mapping[str, str]) -> Response:
        command = _parsed(form.get("cmd", ""))
        match _words(command):
            case ["show", "system", "info"]:
                return self._system_info()
            case ["show", "jobs", "all"]:
                return self._show_jobs(None)
            case ["show", "jobs", "id"]:
                return self._show_jobs(command.findtext("jobs/id") or "")
            case ["show", "object", "registered-ip", *_]:
                return self._registered(command)
            case words:
                raise RefusedError("17", f"{' '.join(words)} is unexpected")

    def _system_info(self) -> Response:
        facts = {
            "hostname": self.world.firewall,
            "ip-address": "192.0.2.1",
            "model": "PA-5260",
            "family": "5200",
            "serial": "013201000001",
            "sw-version": VERSION,
            "app-version": "8900-9100",
            "multi-vsys": "off",
            "operational-mode": "normal",
        }
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in facts.items())
        return _answer(f"<result><system>{inner}</system></result>")

    def _show_jobs(self, wanted: str | None) -> Response:
        self.configuration.look()
        if wanted is not None and wanted not in {str(job.id) for job in self.configuration.jobs}:
            raise RefusedError("7", f"job {wanted} not found")
        shown = [job for job in reversed(self.configuration.jobs) if wanted in {None, str(job.id)}]
        return _answer(f"<result>{''.join(self._job_xml(job) for job in shown)}</result>")

    def _job_xml(self, job: Job) -> str:
        status = "FIN" if job.finished else "PEND"
        if job is self.configuration.head:
            status = "ACT"
        details = {"OK": "Configuration committed successfully", "FAIL": "Validation Error"}
        line = details.get(job.result)
        return (
            "<job><tenq>2025/01/01 00:00:00</tenq><tdeq>00:00:00</tdeq>"
            f"<id>{job.id}</id><user>{escape(job.admin)}</user><type>Commit</type>"
            f"<status>{status}</status><queued>NO</queued><stoppable>no</stoppable>"
            f"<result>{job.result}</result><tfin>00:00:00</tfin>"
            f"<description>{escape(job.description)}</description><positionInQ>0</positionInQ>"
            f"<progress>{100 if job.finished else 50}</progress>"
            f"<details>{f'<line>{line}</line>' if line else ''}</details><warnings/></job>"
        )

    # User-ID: tags of addresses

    def _live(self, ip: str) -> dict[str, float]:
        return {tag: end for tag, end in self.tags.get(ip, {}).items() if end > self.clock()}

    def _registered(self, command: Element) -> Response:
        asked = command.find("object/registered-ip")
        ip = asked.findtext("ip") if asked is not None else None
        entry = asked.find("tag/entry") if asked is not None else None
        tag = entry.get("name") if entry is not None else None
        shown = [
            (address, sorted(self._live(address)))
            for address in self.tags
            if self._live(address)
            and ip in {None, address}
            and (tag is None or tag in self._live(address))
        ]
        inner = "".join(
            f'<entry ip={quoteattr(address)} from_agent="0" persistent="1"><tag>'
            + "".join(f"<member>{escape(name)}</member>" for name in tags)
            + "</tag></entry>"
            for address, tags in shown
        )
        return _answer(f"<result>{inner}<count>{len(shown)}</count></result>")

    def _user_id(self, form: Mapping[str, str]) -> Response:
        message = _parsed(form.get("cmd", ""))
        if message.tag != "uid-message" or message.findtext("type") != "update":
            raise RefusedError("12", "uid-message is invalid")
        ignored: list[str] = []
        for verb, change in (("register", self._register), ("unregister", self._unregister)):
            refusals = [
                f"<entry ip={quoteattr(ip)} message={quoteattr(words)}/>"
                for ip, member in self._members(message, verb)
                if (words := change(ip, member))
            ]
            if refusals:
                ignored.append(f"<{verb}>{''.join(refusals)}</{verb}>")
        if not ignored:
            return _answer(
                "<result><![CDATA[<uid-response><version>2.0</version></uid-response>]]></result>"
            )
        inner = f"<version>2.0</version><payload>{''.join(ignored)}</payload>"
        return _answer(
            f"<msg><line><uid-response>{inner}</uid-response></line></msg>", status="error"
        )

    @staticmethod
    def _members(message: Element, verb: str) -> Iterable[tuple[str, Element]]:
        for entry in message.findall(f"payload/{verb}/entry"):
            for member in entry.findall("tag/member"):
                yield entry.get("ip", ""), member

    def _register(self, ip: str, member: Element) -> str:
        tag = member.text or ""
        if tag in self._live(ip):
            return f"tag {tag} already exists, ignore"
        seconds = float(member.get("timeout", "0")) or float("inf")
        self.tags.setdefault(ip, {})[tag] = self.clock() + seconds
        self.registrations[ip] += 1
        return ""

    def _unregister(self, ip: str, member: Element) -> str:
        tag = member.text or ""
        if tag not in self._live(ip):
            return f"tag {tag} does not exist, ignore unreg"
        del self.tags[ip][tag]
        return ""

    # Configuration: candidate, commit, running

    def _config(self, form: Mapping[str, str]) -> Response:
        match = _CATEGORY.fullmatch(form.get("xpath", ""))
        if not match:
            raise RefusedError("6", "xpath is not one that the lab knows")
        vsys, name, _, member = match.groups()
        match form.get("action"):
            case "get":
                return self._read(self.configuration.candidate, (vsys, name or ""), found="get")
            case "show":
                return self._read(self.configuration.running, (vsys, name or ""), found="show")
            case "set":
                return self._set(vsys, name, form.get("element", ""))
            case "delete" if name and member is not None:
                return self._delete((vsys, name), member)
            case action:
                raise RefusedError("400", f'Illegal value for parameter "action" [{action}].')

    @staticmethod
    def _read(config: Lists, category: Category, *, found: str) -> Response:
        if category not in config:
            # A real device says this without a code when it shows the running configuration.
            missing = "<msg><line>No such node</line></msg>"
            return (
                _answer(missing, status="error")
                if found == "show"
                else _answer("<result/>", code="7")
            )
        members = "".join(f"<member>{escape(url)}</member>" for url in config[category])
        return _answer(
            f"<result><entry name={quoteattr(category[1])}><list>{members}</list>"
            "<type>URL List</type></entry></result>",
            code="19",
        )

    def _set(self, vsys: str, name: str | None, element: str) -> Response:
        root = _parsed(f"<set>{element}</set>")
        entries = (
            [(name, root)]
            if name
            else [(entry.get("name", ""), entry) for entry in root.findall("entry")]
        )
        urls = [(entry, m.text or "") for entry, e in entries for m in e.iter("member")]
        if not urls or any(not url or len(url) > 255 for _, url in urls):
            raise RefusedError("12", "list member is invalid")
        for entry, url in urls:
            self.configuration.edit((vsys, entry), url, present=True, admin=ADMIN)
        return _answer("<msg>command succeeded</msg>", code="20")

    def _delete(self, category: Category, url: str) -> Response:
        if url not in self.configuration.candidate.get(category, []):
            return _answer("<msg>Object doesn't exist</msg>", code="7")
        self.configuration.edit(category, url, present=False, admin=ADMIN)
        return _answer("<msg>command succeeded</msg>", code="20")

    def _commit(self, form: Mapping[str, str]) -> Response:
        command = _parsed(form.get("cmd", ""))
        if command.tag != "commit":
            raise RefusedError("17", f"{command.tag} is unexpected")
        admins = {member.text or "" for member in command.findall("partial/admin/member")}
        job = self.configuration.commit(
            admins,
            by=ADMIN,
            description=command.findtext("description") or "",
            looks=self.commit_looks,
        )
        if job is None:
            return _answer("<msg>There are no changes to commit.</msg>", code="19")
        line = f"<msg><line>Commit job enqueued with jobid {job.id}</line></msg>"
        return _answer(f"<result>{line}<job>{job.id}</job></result>", code="19")


def build(world: World) -> Simulator:
    """Make the firewall of this world."""
    return PaloAlto(world=world)
