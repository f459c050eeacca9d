"""
Slots: which calls of an asset are under way at once, where their number is limited.

In: an asset, the most calls at once, and who wants to make one. Out: a slot, or none.
Never: more slots than that at once; one that stays taken after its call has ended or was given up:
a call that does not run any more holds none, so that nobody need give one back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text

from soar.store.claims import CALL_SECONDS
from soar.store.columns import metadata, text_column

if TYPE_CHECKING:
    from soar.store.database import Database

OTHERS_SECONDS = 60
"""So long at most holds its slot who is no call of a run: a test, or a question."""

slot = Table(
    "slot",
    metadata,
    Column("holder", Text, primary_key=True),
    text_column("asset"),
    Column("app_run_id", BigInteger),
    Column("until", DateTime(timezone=True), nullable=False),
    Index(None, "asset"),
)

HELD = """
    s.until > now() and (s.app_run_id is null or exists (
      select 1 from app_run c where c.id = s.app_run_id and c.status = 'running'))
"""

_EARLIER = """
    select count(*) from app_run c join asset a on a.slug = c.asset
    where c.asset = %(asset)s and c.status = 'running' and c.claimed_at < a.updated_at
    and not exists (select 1 from slot s where s.holder = c.id::text)
"""
"""Calls under way since before their asset was edited: they may have needed no slot then."""

_TAKE = f"""
    select pg_advisory_xact_lock(20028, hashtext(%(asset)s));
    with over as (
      delete from slot s where s.asset = %(asset)s and s.holder <> %(holder)s and not ({HELD}))
    insert into slot as mine (holder, asset, app_run_id, until)
    select %(holder)s, %(asset)s, %(id)s, now() + make_interval(secs => %(seconds)s)
    where (select count(*) from slot s
           where s.asset = %(asset)s and s.holder <> %(holder)s and {HELD})
        + ({_EARLIER}) < %(most)s
    on conflict (holder) do update set asset = excluded.asset, until = excluded.until
    returning holder
"""
"""One after the other for each asset: the second statement counts what was taken before. A call
that takes a slot has committed its claim, so whoever counts later finds it running. It waits for
the disk, and so for the claim before it: a server that crashes forgets none that is under way."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots of all assets. A *call* is the number of an app run, or a name nobody else has."""

    database: Database

    def take(self, asset: str, most: int, call: str) -> bool:
        """Take one of *most* slots for a call, or keep its own; False if others hold them all."""
        number = int(call) if call.isdecimal() else None
        values = {
            "asset": asset,
            "holder": call,
            "id": number,
            "most": most,
            "seconds": OTHERS_SECONDS if number is None else CALL_SECONDS,
        }
        return bool(self.database.run_together(_TAKE, values))

    def leave(self, call: str) -> None:
        """Give a slot back; that of an app run is free as soon as that does not run any more."""
        if not call.isdecimal():
            self.database.run("delete from slot where holder = %(holder)s", {"holder": call})
