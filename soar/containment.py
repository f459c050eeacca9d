"""
What is contained now: by which run, until when, and whether the vendor agrees.

In: the ledger, and for a reconciliation the opened assets. Out: one read model for the command
line and REST; leases renewed, effects taken back, settled by hand, or closed as gone.
Never: a write to a vendor: an undo is a run of its own, through the asset's lane.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from soar.catalog import Catalog
from soar.connector import Output
from soar.domain.errors import ActionFailed, BadInput, Conflict, NotFound, NotYet, SoarError
from soar.domain.model import Asset
from soar.engine.settling import Settling
from soar.limiter import Limiter
from soar.parking import NOTHING
from soar.store.database import Database
from soar.store.rows import Row
from soar.store.work import Work
from soar.tasks.base import VERIFY_REQUESTS
from soar.tasks.binding import function_of, verify_of
from soar.tasks.probe import Question, probe
from soar.tasks.write import IN_DOUBT
from soar.vault import Vault

LONGEST = 365 * 24 * 60
"""Minutes that a lease may be renewed for."""
BATCH = 1000
"""So many containments are read at once."""
PATIENCE = timedelta(seconds=90)
"""So long a question waits for a free call of its asset: a limit per minute has one by then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contained:
    """One containment that stands, may stand, or did."""

    id: int
    action: str
    target: str
    asset: str
    status: str
    since: datetime | None
    until: datetime | None
    ends_by: str
    run: int
    container: int
    playbook: str
    shared_by: tuple[int, ...]
    undo: str
    undo_run: int | None
    approval: int | None
    """The open question whether it took effect."""
    approvals: tuple[int, ...]
    """Every question that it was made under, also by the runs that share it."""
    checked: datetime | None
    ended: datetime | None
    ended_because: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What a vendor said of one containment: stands, gone, or why it cannot be asked."""

    contained: Contained
    says: str
    news: bool
    problem: str = ""


def contained(
    work: Work,
    catalog: Catalog,
    *,
    asset: str = "",
    ended: bool = False,
    before: int | None = None,
    limit: int | None = None,
) -> list[Contained]:
    """
    Return what stands or may stand, the newest first; with *ended* also what did.

    All of it, or only what has an id below *before*, and no more than the *limit*.
    """
    if asset:
        work.assets.get(asset)
    found: list[Contained] = []
    while limit is None or len(found) < limit:
        size = BATCH if limit is None else min(BATCH, limit - len(found))
        rows = work.ledger.contained(
            _containments(catalog), asset=asset, ended=ended, before=before, limit=size
        )
        found += map(_of, rows)
        if len(rows) < size:
            break
        before = found[-1].id
    return found


def count_older(
    work: Work, catalog: Catalog, before: int, *, asset: str = "", ended: bool = False
) -> int:
    """Count what :func:`contained` would return of what is older than a containment."""
    return work.ledger.count(_containments(catalog), asset=asset, ended=ended, before=before)


def _containments(catalog: Catalog) -> list[str]:
    return [spec.name for spec in catalog.actions if spec.kind == "contain"]


def shape(one: Contained) -> dict[str, Any]:
    """Return a containment as JSON."""
    return asdict(one)


def _of(row: Row) -> Contained:
    ends_by = "the vendor" if row["vendor_ends"] else row["undo"]
    return Contained(
        id=row["id"],
        action=row["action"],
        target=row["target"].partition("=")[2],
        asset=row["asset"],
        status=row["status"],
        since=row["confirmed_at"] or row["sent_at"],
        until=row["expires_at"],
        ends_by=ends_by if row["expires_at"] else "",
        run=row["run_id"],
        container=row["container_id"],
        playbook=row["playbook"],
        shared_by=tuple(row["shared_by"]),
        undo=row["undo"],
        undo_run=row["undo_run_id"],
        approval=row["approval_id"] if row["asked"] and row["status"] == "unknown" else None,
        approvals=tuple(row["approvals"]),
        checked=row["checked_at"],
        ended=row["ended_at"],
        ended_because=row["ended_because"],
    )


def _standing(work: Work, effect_id: int) -> Row:
    work.ledger.lock(effect_id)
    row = work.ledger.get(effect_id)
    if row is None or row["intent"] != "standing":
        raise NotFound(f"there is no containment {effect_id}: see `soar contained --ended`")
    if row["ended_at"] is not None:
        raise Conflict(f"containment {effect_id} has ended: {row['ended_because']}")
    return row


def _under_way(row: Mapping[str, Any]) -> str:
    """Say why only the call of an effect can settle it now, or nothing."""
    if row["status"] == "confirmed" or not row["live"]:
        return ""
    if row["asked"]:
        return f"approval {row['approval_id']} asks a person whether it took effect"
    return f"its call is under way in run {row['run_id']}"


def _in_doubt(row: Mapping[str, Any]) -> bool:
    """Tell whether a request may still be on its way to the vendor, though its call has ended."""
    if row["status"] == "confirmed" or row["sent_at"] is None:
        return False
    return bool(row["read_at"] - row["sent_at"] < IN_DOUBT)


def renew(work: Work, effect_id: int, minutes: int, *, by: str) -> datetime | None:
    """Let a containment stand for so many minutes from now (0: until it is undone)."""
    if not 0 <= minutes <= LONGEST:
        raise BadInput("minutes", f"{minutes} is not between 0 and {LONGEST}")
    row = _standing(work, effect_id)
    if row["vendor_ends"]:
        raise Conflict(f"containment {effect_id} is ended by its vendor: undo it and act again")
    if minutes and not row["undo"]:
        raise Conflict(f"containment {effect_id} can have no end: {row['action']} has no undo")
    renewed = work.ledger.renew(effect_id, minutes)
    if renewed is None:
        under_way = f"run {row['undo_run_id']} is undoing it"
        reason = under_way if row["undo_run_id"] else f"it is {row['status']}"
        raise Conflict(f"containment {effect_id} cannot be renewed: {reason}")
    work.audit(by, "containment renewed", {"effect": effect_id, "minutes": minutes})
    until: datetime | None = renewed["expires_at"]
    return until


def undo(work: Work, settling: Settling, effect_id: int, *, by: str) -> int:
    """Start the run that takes a containment back, and return its id."""
    row = _standing(work, effect_id)
    if row["undo_run_id"]:
        raise Conflict(f"run {row['undo_run_id']} is undoing containment {effect_id} already")
    under_way = _under_way(row)
    if under_way:
        raise Conflict(
            f"containment {effect_id} cannot be undone yet, as {under_way}: wait until that has"
            f" ended, or cancel run {row['run_id']}"
        )
    if _in_doubt(row):
        raise Conflict(
            f"containment {effect_id} cannot be undone yet: its request may still be on its way:"
            f" try again in {IN_DOUBT.seconds} s"
        )
    if work.shadow.holds(row["asset"]):
        raise Conflict(
            f"containment {effect_id} cannot be undone: {row['asset']!r} is in shadow, so nothing"
            " is written there: see `soar shadow list`"
        )
    return settling.undo(work, row, by=by)


def settle(work: Work, effect_id: int, *, took_effect: bool, by: str) -> None:
    """Write down what a person found at the vendor: whether a write of unknown end took effect."""
    work.ledger.lock(effect_id)
    row = work.ledger.get(effect_id)
    if row is None:
        raise NotFound(f"there is no effect {effect_id}: see `soar doctor`")
    if row["ended_at"] is not None:
        raise Conflict(f"effect {effect_id} has ended: {row['ended_because'] or row['status']}")
    under_way = _under_way(row)
    if under_way:
        raise Conflict(f"effect {effect_id} cannot be settled by hand: {under_way}")
    if row["status"] != "unknown":
        raise Conflict(f"effect {effect_id} is not unknown: it is {row['status']}")
    undoing = f"run {row['undo_run_id']} is undoing it" if row["undo_run_id"] else ""
    if undoing or not work.ledger.told(effect_id, took_effect=took_effect, by=by):
        reason = undoing or "what undoes it is under way"
        raise Conflict(f"effect {effect_id} cannot be settled by hand: {reason}")
    work.audit(by, "effect settled", {"effect": effect_id, "took_effect": took_effect})


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """Asks the vendors what they say, each within the budget of its asset."""

    database: Database
    catalog: Catalog
    limiter: Limiter
    vault: Vault
    patience: timedelta = PATIENCE
    refused: set[str] = field(default_factory=set)
    """Assets that had no free call for so long: what else stands there is not waited for."""

    def look(self, one: Contained) -> Finding:
        """Ask the vendor of one containment whether it stands, and write down what it says."""
        if one.approval:
            question = f"approval {one.approval} asks a person"
            return Finding(contained=one, says="unknown", news=False, problem=question)
        with self.database.begin() as work:
            asset = next((a for a in work.assets.all() if a.slug == one.asset), None)
            row = work.ledger.get(one.id)
        if asset is None or row is None:
            return self._unasked(one, f"there is no asset {one.asset!r} any more")
        under_way = _under_way(row)
        if row["undo_run_id"]:
            under_way = f"run {row['undo_run_id']} is undoing it"
        if under_way:
            return self._unasked(one, under_way)
        try:
            found = self._ask(asset, row)
        except SoarError as error:
            return self._unasked(one, str(error))
        except Exception as error:
            return self._unasked(one, f"an error in the connector ({type(error).__name__})")
        news = self._write_down(row, found)
        if news is None:
            return self._unasked(one, "it may be on its way, or has changed meanwhile: ask again")
        return Finding(contained=one, says="stands" if found is not None else "gone", news=news)

    def _write_down(self, row: Mapping[str, Any], found: Output | None) -> bool | None:
        """Write down what a vendor said of a row as it was read before; None if it is too old."""
        doubt = timedelta(0) if row["status"] == "confirmed" else IN_DOUBT
        with self.database.begin() as work:
            return work.ledger.seen(
                row["id"],
                stands=found is not None,
                before=row["read_at"] - doubt,
                lasts=found.lasts if found else None,
            )

    @staticmethod
    def _unasked(one: Contained, problem: str) -> Finding:
        return Finding(contained=one, says="not asked", news=False, problem=problem)

    def _ask(self, asset: Asset, row: Mapping[str, Any]) -> Output | None:
        if asset.closed:
            raise ActionFailed(asset.closed)
        app = self.catalog.app(asset.app)
        if app.slug != row["app"]:
            raise ActionFailed(f"it was made by {row['app']}; {asset.slug!r} is of {app.slug} now")
        spec = app.action(row["action"])
        verify = verify_of(function_of(spec)) if spec else None
        if verify is None:
            raise ActionFailed(f"{row['action']} cannot be verified at its vendor")
        question = Question(
            name="reconcile",
            function=verify,
            cost=VERIFY_REQUESTS,
            parameters=row["parameters"],
            patience=NOTHING if asset.slug in self.refused else self.patience,
        )
        try:
            return probe(asset, question, self.vault, self.limiter)
        except NotYet:
            self.refused.add(asset.slug)
            raise
