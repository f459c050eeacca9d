"""
Questions to humans: opened, answered once, or overdue.

In: exactly what was asked, with its digest. Out: rows; ``None`` where an answer came too late.
Never: a second answer: the status moves by compare-and-set.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from soar.domain.errors import NotFound
from soar.domain.gate import Beyond, HeldCall, digest, payload
from soar.domain.notices import Event
from soar.domain.policy import names as names_in
from soar.domain.policy import schedule
from soar.domain.questions import Answer
from soar.store.notices import Notices
from soar.store.rows import Queries, Row, as_json, storable
from soar.store.transaction import Transaction

_ROW = (
    "select a.*, c.tenant_id from approval a join container c on c.id = a.container_id"
    " where a.id = :id"
)


class Approvals(Queries):
    """Named queries on approvals; *notices* plans to tell of what happens to them."""

    def __init__(self, transaction: Transaction, notices: Notices) -> None:
        super().__init__(transaction)
        self._notices = notices

    def open(
        self,
        *,
        public_id: str,
        run_id: int,
        action_run_id: int,
        container_id: int,
        kind: str,
        name: str,
        assignee: str,
        message: str,
        options: list[str],
        payload: Mapping[str, Any],
        payload_digest: str,
        due_at: datetime,
    ) -> int:
        """Open a question."""
        number = int(
            self._value(
                """
                insert into approval (public_id, run_id, action_run_id, container_id, kind, name,
                  assignee, addressees, message, options, questions, payload, payload_digest,
                  due_at)
                values (:public_id, :run_id, :action_run_id, :container_id, :kind, :name,
                  :assignee, :addressees, :message, cast(:options as jsonb),
                  cast(:questions as jsonb), cast(:payload as jsonb), :digest, :due_at) returning id
                """,
                public_id=public_id,
                run_id=run_id,
                action_run_id=action_run_id,
                container_id=container_id,
                kind=kind,
                name=storable(name),
                assignee=assignee,
                addressees=sorted({*names_in(payload), *payload.get("assignees", [assignee])}),
                message=storable(message),
                options=as_json(options),
                questions=as_json(payload.get("questions", [])),
                payload=as_json(payload),
                digest=payload_digest,
                due_at=due_at,
            )
        )
        first = sorted({assignee, *payload.get("assignees", ())})
        self._notices.opened(number, [(None, first), *schedule(payload)])
        return number

    def ask(
        self,
        *,
        run_id: int,
        action_run_id: int,
        container_id: int,
        kind: str,
        name: str,
        to: str,
        message: str,
        options: list[str],
        minutes: int,
        effects: Mapping[str, Sequence[HeldCall]],
        beyond: Beyond | None = None,
        policy: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        questions: Sequence[Mapping[str, Any]] = (),
        also: Sequence[str] = (),
        again: Mapping[str, Any] | None = None,
    ) -> int:
        """
        Open a question to people.

        *effects*: the calls that a choice allows; *policy*: the terms on which it does. *also* are
        further people and roles, each of whom may answer instead. *again*: which question this one
        takes the place of.
        """
        assignee = ", ".join((to, *also))
        tenant = self._value("select tenant_id from container where id = :id", id=container_id)
        due, public_id = datetime.now(UTC) + timedelta(minutes=minutes), secrets.token_hex(8)
        shown = payload(
            approval=public_id,
            run_id=run_id,
            container_id=container_id,
            assignee=assignee,
            message=message,
            options=options,
            effects=effects,
            due=due.isoformat(),
            beyond=beyond,
            policy=policy or {},
            questions=questions,
            assignees=(to, *also),
            again=again,
            tenant=int(tenant),
        )
        shown = storable(shown)  # what is digested and signed is what the row will hold
        return self.open(
            public_id=public_id,
            run_id=run_id,
            action_run_id=action_run_id,
            container_id=container_id,
            kind=kind,
            name=name,
            assignee=assignee,
            message=message,
            options=options,
            payload=shown,
            payload_digest=digest(shown),
            due_at=due,
        )

    def get(self, approval_id: int) -> Row:
        """Return one approval, with the tenant of its container."""
        row = self._one(_ROW, id=approval_id)
        if row is None:
            raise NotFound(f"there is no approval {approval_id}")
        return row

    def lock(self, approval_id: int) -> Row:
        """Return one approval; until the end of the transaction nobody else answers it."""
        row = self._one(f"{_ROW} for update of a", id=approval_id)
        if row is None:
            raise NotFound(f"there is no approval {approval_id}")
        return row

    def pending(self) -> list[Row]:
        """Return the open questions, the most urgent first."""
        return self._all(
            """
            select a.*, c.name as container_name from approval a
            join container c on c.id = a.container_id
            where a.status = 'open' order by a.due_at, a.id limit 1000
            """
        )

    def answer(
        self,
        approval_id: int,
        *,
        digest: str,
        answer: str,
        responses: Sequence[Answer],
        reason: str,
        by: str,
        signed: Mapping[str, Any],
        signature: str,
        key_id: str,
    ) -> Row | None:
        """Answer an open question that is not overdue and still asks the same; else None."""
        row = self._one(
            """
            update approval set status = 'answered', answer = :answer,
            responses = cast(:responses as jsonb), reason = :reason,
            answered_by = :by, signed = cast(:signed as jsonb), signature = :signature,
            key_id = :key_id, close_time = now()
            where id = :id and status = 'open' and due_at > now() and payload_digest = :digest
            returning *
            """,
            id=approval_id,
            answer=answer,
            responses=as_json(responses),
            reason=storable(reason),
            by=by,
            digest=digest,
            signed=as_json(signed),
            signature=signature,
            key_id=key_id,
        )
        self._notices.plan([approval_id] if row else [], Event.DECIDED)
        return row

    def expire(self, limit: int = 200) -> list[Row]:
        """Close the overdue questions and return them."""
        rows = self._all(
            """
            update approval set status = 'expired', close_time = now() where id = any(array(
              select id from approval where status = 'open' and due_at <= now()
              order by due_at limit :limit for update skip locked)) returning *
            """,
            limit=limit,
        )
        self._notices.plan([row["id"] for row in rows], Event.EXPIRED)
        return rows

    def cancel(self, run_ids: list[int]) -> list[int]:
        """
        Close the open questions of cancelled runs and return their ids.

        Whether a write took effect is still to be told.
        """
        rows = self._all(
            "update approval set status = 'cancelled', close_time = now()"
            " where run_id = any(:ids) and status = 'open' and kind <> 'effect' returning id",
            ids=run_ids,
        )
        self._notices.plan([row["id"] for row in rows], Event.CANCELLED)
        return [row["id"] for row in rows]

    def withdraw(self, approval_id: int) -> Row | None:
        """Close an open question that nobody is to answer any more; None if it is not open."""
        row = self._one(
            "update approval set status = 'cancelled', close_time = now()"
            " where id = :id and status = 'open' returning *",
            id=approval_id,
        )
        self._notices.plan([approval_id] if row else [], Event.CANCELLED)
        return row

    def reassign(self, approval_id: int, to: str, *, payload: Mapping[str, Any]) -> Row | None:
        """Ask somebody else: from now on it is another question, that nobody has answered."""
        row = self._one(
            """
            with gone as (delete from ballot where approval_id = :id)
            update approval set assignee = :to, addressees = array[:to],
            payload = cast(:payload as jsonb), payload_digest = :digest
            where id = :id and status = 'open' and due_at > now() returning *
            """,
            id=approval_id,
            to=to,
            payload=as_json(payload),
            digest=digest(payload),
        )
        self._notices.plan([approval_id] if row else [], Event.ESCALATED, names=[to])
        return row

    def granting(self, run_id: int, limit: int = 50) -> list[Row]:
        """Return the answered questions of a run, newest first: what may cover a call."""
        return self._all(
            "select * from approval where run_id = :id and status = 'answered'"
            " order by close_time desc limit :limit",
            id=run_id,
            limit=limit,
        )

    def decided(self, container_id: int) -> bool:
        """Tell whether a person has answered any question about a container."""
        return bool(
            self._value(
                "select exists (select 1 from approval where container_id = :id"
                " and status = 'answered')",
                id=container_id,
            )
        )

    def of_action_run(self, action_run_id: int) -> Row | None:
        """Return the question that a prompt asked."""
        return self._one(
            "select * from approval where action_run_id = :id order by id desc limit 1",
            id=action_run_id,
        )
