"""
The desk of who answers: what is open for whom, what was decided, what was asked before.

In: names, filters, a place in a list, and the tenants of who looks (none: all of them).
Out: rows, one page at a time. Never: a write, or every row of a list at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from soar.domain.blast import Limit
from soar.store.approval_table import SPECIAL
from soar.store.rows import Queries, Row
from soar.store.tenants import SPOKEN, among

MOST = 1000
"""How far open questions are counted: beyond it "more than that" says enough."""

WALK = "set local enable_sort = off; set local enable_seqscan = off"
"""Lists are walked in the order of their index, also where the server knows little of the table
and would rather read all that is open, and sort it."""

_LINE = f"""
    a.id, a.public_id, a.kind, a.name, a.assignee, a.status, a.answer, a.answered_by,
    a.signed->>'for' as answered_for, a.reason, a.create_time, a.due_at, a.close_time, a.run_id,
    a.container_id, c.name as container_name, c.severity, c.label,
    {SPOKEN.format("c.tenant_id")} as tenant,
    a.payload->'effects' is not null and exists (
      select 1 from jsonb_each(case jsonb_typeof(a.payload->'effects') when 'object'
        then a.payload->'effects' else '{{}}' end) e where e.value <> '[]') as dangerous
"""
_FROM = "from approval a join container c on c.id = a.container_id where"
_OPEN = f"{_FROM} a.status = 'open'"
_OPEN_OF = f"""{_FROM} a.assignee = n.name and a.close_time is null
    and not ({SPECIAL})"""
"""Only the index of addressees knows open questions in these words: the one of all due times,
which would have to pass everybody else's, cannot be taken for it."""
_SPECIAL = f"""{_FROM} a.addressees && cast(:names as text[]) and a.close_time is null
    and {SPECIAL}"""
"""Questions to several people or roles; those of :data:`_OPEN_OF` are to one."""
_FILTERS = {
    "kind": "a.kind = :kind",
    "severity": "c.severity = :severity",
    "text": "position(lower(:text) in lower(a.name || ' ' || c.name)) > 0",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which questions somebody wants to see; what is empty does not count."""

    kind: str = ""
    severity: str = ""
    text: str = ""

    @property
    def given(self) -> dict[str, str]:
        """The filters that are set."""
        every = {"kind": self.kind, "severity": self.severity, "text": self.text}
        return {name: value for name, value in every.items() if value}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where in a list a page begins: after this time, and at that time after this id."""

    time: datetime
    id: int


class Desk(Queries):
    """Named queries for those who answer."""

    def open(
        self,
        names: Sequence[str] | None,
        wanted: Wanted,
        *,
        after: Place | None = None,
        limit: int = 25,
        tenants: Sequence[int] = (),
    ) -> list[Row]:
        """Return open questions to any of these names (None: to anybody), the most urgent first."""
        where, known = among(tenants)
        values: dict[str, Any] = {**wanted.given, **known, "limit": limit}
        where += "".join(f" and {_FILTERS[name]}" for name in wanted.given)
        if after is not None:
            where += " and (a.due_at, a.id) > (:time, :id)"
            values |= {"time": after.time, "id": after.id}
        order = "order by a.due_at, a.id limit :limit"
        self._do(WALK)
        if names is None:
            return self._all(f"select {_LINE} {_OPEN}{where} {order}", **values)
        # One ordered walk of the index for each name: their first rows hold the first of all.
        return self._all(
            f"""
            select a.* from unnest(cast(:names as text[])) n(name) cross join lateral (
              select {_LINE} {_OPEN_OF}{where} {order}) a
            union all (select {_LINE} {_SPECIAL}{where} {order})
            {order.replace("a.", "")}
            """,
            names=sorted(set(names)),
            **values,
        )

    def count(self, names: Sequence[str] | None, *, tenants: Sequence[int] = ()) -> int:
        """Count the open questions to these names (None: all), up to :data:`MOST`."""
        self._do(WALK)
        ours, values = among(tenants)
        one = "approval a" + (" join container c on c.id = a.container_id" if tenants else "")
        every = f"{one} where a.status = 'open'{ours} order by a.due_at, a.id limit :most"
        of = (
            f"unnest(cast(:names as text[])) n(name) cross join lateral (select 1 from {one}"
            f" where a.assignee = n.name and a.close_time is null{ours}"
            f" and not ({SPECIAL}) order by a.due_at, a.id limit :most) a"
            f" union all (select 1 {_SPECIAL}{ours} order by a.due_at, a.id limit :most)"
            " limit :most"
        )
        return int(
            self._value(
                f"select count(*) from (select 1 from {every if names is None else of}) a",
                most=MOST,
                **values,
                **({} if names is None else {"names": sorted(set(names))}),
            )
        )

    def decided(
        self, *, before: Place | None = None, limit: int = 10, tenants: Sequence[int] = ()
    ) -> list[Row]:
        """Return the questions that are closed, the newest decision first."""
        self._do(WALK)
        where, known = among(tenants)
        values = dict(known)
        if before is not None:
            where += " and (a.close_time, a.id) < (:time, :id)"
            values |= {"time": before.time, "id": before.id}
        return self._all(
            f"select {_LINE} {_FROM} a.status <> 'open'{where}"
            " order by a.close_time desc, a.id desc limit :limit",
            limit=limit,
            **values,
        )

    def named(self, name: str) -> int | None:
        """Return the id of a question by the name that its address has."""
        found = self._value("select id from approval where public_id = :name", name=name)
        return None if found is None else int(found)

    def earlier(self, container_id: int, *, than: int, limit: int = 20) -> list[Row]:
        """Return what was asked about a container before a question, the newest first."""
        return self._all(
            "select * from approval where container_id = :container and id < :id"
            " order by id desc limit :limit",
            container=container_id,
            id=than,
            limit=limit,
        )

    def people(self, addressees: Sequence[str], *, tenant: int, limit: int = 20) -> list[str]:
        """Return who of a tenant the addressees are: people of these names, or with such a role."""
        rows = self._all(
            "select username from person where active and kind <> 'automation'"
            " and (tenants = '{}' or :tenant = any(tenants))"
            " and (username = any(:names) or roles && cast(:names as text[]))"
            " order by username limit :limit",
            tenant=tenant,
            names=list(addressees),
            limit=limit,
        )
        return [row["username"] for row in rows]

    def sent(self, limit: Limit, *, asset: str, playbook: str, tenant: int) -> int:
        """Return how many containments a limit has counted, for a call like this."""
        return int(
            self._value(
                """
                select count(*) from blast_pass where passed_at > now() - make_interval(secs => :s)
                and :action in ('*', action) and (not :of_asset or asset = :asset)
                and (not :of_playbook or playbook = :playbook)
                and (not :of_tenant or tenant_id = :tenant)
                """,
                s=limit.span.total_seconds(),
                action=limit.action,
                of_asset=limit.of_asset,
                asset=asset,
                of_playbook=limit.of_playbook,
                playbook=playbook,
                of_tenant=limit.of_tenant,
                tenant=tenant,
            )
        )
