"""
The configuration of the lab's simulated PAN-OS firewall: candidate, commit queue, running.

In: edits and commits of named administrators. Out: what would run, and what does run.
Never: XML; that is in ``palo_alto.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Category = tuple[str, str]
"""Of which virtual system, and its name."""

Lists = dict[Category, list[str]]
"""The URLs of every custom category."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One uncommitted edit of the candidate configuration."""

    admin: str
    category: Category
    url: str
    present: bool


@dataclass(kw_only=True, slots=True)
class Job:
    """One commit in the queue; each look at the queue brings its head nearer to the end."""

    id: int
    admin: str
    description: str
    changes: list[Change]
    looks_left: int
    result: str = "PEND"

    @property
    def finished(self) -> bool:
        """Whether the device has decided it."""
        return self.result != "PEND"


def _applied(lists: Mapping[Category, list[str]], changes: Iterable[Change]) -> Lists:
    after = {category: list(urls) for category, urls in lists.items()}
    for change in changes:
        urls = after.setdefault(change.category, [])
        if change.present and change.url not in urls:
            urls.append(change.url)
        if not change.present and change.url in urls:
            urls.remove(change.url)
    return after


@dataclass(kw_only=True, slots=True)
class Configuration:
    """Two configurations and the queue of commits between them."""

    running: Lists = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    next_result: str = "OK"
    """How the next commit ends: OK or FAIL."""

    @property
    def candidate(self) -> Lists:
        """What would run if everything queued and edited were committed."""
        queued = [change for job in self.jobs if not job.finished for change in job.changes]
        return _applied(self.running, queued + self.changes)

    @property
    def head(self) -> Job | None:
        """The commit that the device works on."""
        return next((job for job in self.jobs if not job.finished), None)

    def edit(self, category: Category, url: str, *, present: bool, admin: str) -> None:
        """Edit the candidate as *admin*; an edit that changes nothing is none."""
        if (url in self.candidate.get(category, [])) != present:
            change = Change(admin=admin, category=category, url=url, present=present)
            self.changes.append(change)

    def commit(self, admins: set[str], *, by: str, description: str, looks: int) -> Job | None:
        """Queue the edits of these administrators (of all, if none is named), if there are any."""
        mine = [change for change in self.changes if not admins or change.admin in admins]
        if not mine:
            return None
        self.changes = [change for change in self.changes if change not in mine]
        job = Job(
            id=len(self.jobs) + 11,
            admin=by,
            description=description,
            changes=mine,
            looks_left=looks,
        )
        self.jobs.append(job)
        return job

    def look(self) -> None:
        """Bring the head of the queue one look nearer to its end; a failed commit is undone."""
        job = self.head
        if job is None:
            return
        job.looks_left -= 1
        if job.looks_left > 0:
            return
        job.result, self.next_result = self.next_result, "OK"
        if job.result == "OK":
            self.running = _applied(self.running, job.changes)
        else:
            self.changes = job.changes + self.changes
