"""
The values that travel between rooms: frozen, keyword-only, with typed ids.

In: built by the store from rows, or by a door from what came in.
Out: read everywhere. Never: a method that does I/O, or an opened secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NewType

from soar.domain.budget import Budget
from soar.domain.errors import BadInput

ContainerId = NewType("ContainerId", int)
RunId = NewType("RunId", int)
ActionRunId = NewType("ActionRunId", int)
AppRunId = NewType("AppRunId", int)
ApprovalId = NewType("ApprovalId", int)

SEVERITIES = ("critical", "high", "medium", "low")
SEVERITY_RANK = {name: rank for rank, name in enumerate(SEVERITIES)}
CONTAINER_STATUSES = ("new", "open", "closed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One configured connection to a vendor, credentials sealed."""

    id: int
    slug: str
    app: str
    configuration: Mapping[str, Any] = field(repr=False)
    budget: Budget
    disabled: bool = False
    broken: str = ""
    """Why the vendor refused its credentials, until somebody edits the asset."""
    updated_at: datetime | None = None
    tenants: tuple[int, ...] = ()
    """Whose containers' calls it makes; without any, everybody's."""

    def serves(self, tenant: int | None) -> bool:
        """Tell whether it may be called for a tenant."""
        return not self.tenants or tenant in self.tenants

    @property
    def closed(self) -> str:
        """Why nobody may call its vendor now, or nothing."""
        if self.disabled:
            return f"asset {self.slug!r} is disabled"
        if self.broken:
            return f"asset {self.slug!r} is closed until it is edited: {self.broken}"
        return ""

    @property
    def reuses_results(self) -> bool:
        """Whether a young answer of its vendor may be used again."""
        return self.configuration.get("reuse_results", True) is not False

    @property
    def parks_when_closed(self) -> bool:
        """Whether calls wait for a closed asset (the default) or fail."""
        return bool(self.configuration.get("when_closed", "park") != "fail")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewArtifact:
    """One indicator of an alert, checked."""

    name: str
    label: str
    severity: str
    cef: Mapping[str, Any]
    type: str = ""
    source_id: str = ""
    tags: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewContainer:
    """An alert, checked, before it has an id."""

    asset: str
    source_id: str
    name: str
    label: str
    severity: str
    description: str = ""
    tags: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    artifacts: tuple[NewArtifact, ...] = ()
    tenant: str = ""
    """The tenant that it names, by name or number; nothing: the Default Tenant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trigger:
    """Which new containers start a playbook."""

    name: str
    playbook: str
    labels: tuple[str, ...]
    severities: tuple[str, ...]
    active: bool = True
    run_as: str = "automation"

    def matches(self, label: str, severity: str) -> bool:
        """Tell whether a container of that label and severity starts the playbook."""
        return (
            self.active
            and (not self.labels or label in self.labels or "*" in self.labels)
            and (not self.severities or severity in self.severities)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A call that this worker has claimed: all it needs to make it."""

    id: AppRunId
    run_id: RunId
    container_id: ContainerId
    asset: str
    app: str
    action: str
    task: str
    parameters: Mapping[str, Any]
    attempt: int
    tries: int
    waited: timedelta
    """How long its vendor has let it wait: not the time in its lane behind others."""
    approval_id: ApprovalId | None
    effect: str
    severity_rank: int
    held: Asset | None
    """The asset as it is now; none if it was deleted."""
    tenant: int | None = None
    """The tenant of its container; read only where its asset serves some tenants and not all."""
    behind: bool = False
    """Whether others wait for this asset, so that this call must take its place behind them."""
    wanted: bool = True
    """Whether its run still goes on."""
    lookup: str | None = None
    """The key under which it was planned to share one call with its equals."""
    follows: AppRunId | None = None
    """The call that is asking its vendor the same already; this one waits for its answer."""
    fresh: Mapping[str, Any] | None = None
    """An earlier answer to the same question, with its age in seconds."""
    standing: Mapping[str, Any] | None = None
    """The confirmed effect of another call with the same intent: a row of the ledger."""
    breaker_id: ApprovalId | None = None
    """The second approval that it was held for."""
    rules: Sequence[Mapping[str, Any]] | None = None
    """The blast rules that may concern a containment."""
    sent_ago: float | None = None
    """Seconds since a request for its effect may have left that nobody has seen the answer of."""
    governed: bool = False
    """Whether an approval policy may concern it."""
    shadow: bool = False
    """Whether it is a write that is only simulated."""
    since: float = 0.0
    """When this process asked for it, in its own seconds: its lease must last from then on."""

    @property
    def reuses(self) -> bool:
        """Whether a young answer that another call got may be its own."""
        asset = self.held
        return asset is not None and asset.reuses_results and asset.serves(self.tenant)


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """The whole text of a result that is too large for its row, compressed."""

    content: bytes = field(repr=False)
    """JSON in UTF-8, compressed with zlib."""
    size: int
    """Bytes of the text."""
    sha1: str
    """The id of a text in Splunk's vault."""
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What the row of a call keeps of its result: a message, and JSON texts."""

    message: str
    summary: str = "{}"
    data: str = "[]"
    whole: Whole | None = None
    """Set where the row keeps only the front."""
    attachment_id: int | None = None
    """Where the whole text is already: the answer of another call, truncated there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a call ended; its repr shows nothing, since Celery puts it into events and logs."""

    app_run_id: int
    attempt: int
    succeeded: bool
    message: str
    summary: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[Mapping[str, Any], ...] = ()
    kept: Kept | None = None
    """The result as its row keeps it; without it, message, summary and data are small."""
    effect: str = "none"
    made: int = 0
    """How many requests its vendor may have got."""
    shared: bool = False
    """Whether others may wait for this answer."""
    reused_from: AppRunId | None = None
    """The call whose answer, or effect, this is."""
    writes: bool = False
    """Whether the call may change something at its vendor: then the ledger hears of its end."""
    lasts: timedelta | None = None
    """For how long a confirmed effect stands; None: until it is undone."""
    vendor_ends: bool = False
    """Whether the vendor ends it by itself when that time is over."""

    def __repr__(self) -> str:
        return "<outcome>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody who has shown a token or a password; kind "automation" is a machine."""

    username: str
    roles: tuple[str, ...]
    kind: str = "normal"
    permissions: frozenset[str] = frozenset()
    """What their roles permit, like "edit assets"; not asked where approvals are answered."""
    run_id: int | None = None
    """The run that asks in their name, with a token of its own."""
    tenants: tuple[int, ...] = ()
    """Whose containers they see and answer for; without any, everybody's."""

    def sees(self, *tenants: int) -> bool:
        """Tell whether all of these tenants are theirs."""
        return not self.tenants or set(tenants) <= set(self.tenants)


def severity(value: Any, *, field_name: str = "severity") -> str:
    """Return a known severity (default medium), or say which ones are known."""
    text = str(value or "medium").lower()
    if text not in SEVERITY_RANK:
        raise BadInput(field_name, f"{value!r} is none of {', '.join(SEVERITIES)}")
    return text


def rank_of(severity: str) -> int:
    """Return how early calls about such a container go: 0 is the first; medium if unknown."""
    return SEVERITY_RANK.get(severity, SEVERITY_RANK["medium"])
