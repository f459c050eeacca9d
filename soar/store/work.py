"""
One unit of work: one transaction, and the messages that leave after its commit.

In: a transaction. Out: the named queries of every noun, and an outbox.
Never: a message that leaves before the facts are committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from soar.store.approvals import Approvals
from soar.store.assets import Assets
from soar.store.attachments import Attachments
from soar.store.audit import Audit, Happened, Sealer
from soar.store.blast import Blast
from soar.store.calls import Calls
from soar.store.candidates import Candidates
from soar.store.cases import Cases
from soar.store.channels import Channels
from soar.store.containers import Containers
from soar.store.credentials import Credentials
from soar.store.custom_lists import CustomLists
from soar.store.deeds import Deeds
from soar.store.delegations import Delegations
from soar.store.desk import Desk
from soar.store.families import Families
from soar.store.functions import Functions
from soar.store.identities import Identities
from soar.store.lanes import Lanes
from soar.store.ledger import Ledger
from soar.store.login_failures import LoginFailures
from soar.store.marks import Marks
from soar.store.moves import Moves
from soar.store.notices import Notices
from soar.store.overdue import Overdue
from soar.store.people import People
from soar.store.pins import Pins
from soar.store.playbooks import Playbooks
from soar.store.policies import Policies
from soar.store.prepared import Hot
from soar.store.reads import Reads
from soar.store.roles import Roles
from soar.store.run_state import RunState
from soar.store.runs import Runs
from soar.store.saved_objects import SavedObjects
from soar.store.sessions import Sessions
from soar.store.shadow import Shadow
from soar.store.suspects import Suspects
from soar.store.tenants import Tenants
from soar.store.transaction import Transaction
from soar.store.views import Views
from soar.store.workbooks import Workbooks


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Something to send: a task by name, a chord, or one member of a chord again."""

    kind: str
    body: Mapping[str, Any]


@dataclass
class Work:
    """The facts of one transaction."""

    transaction: Transaction
    messages: list[Message] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)

    @cached_property
    def containers(self) -> Containers:
        """Containers, artifacts and notes."""
        return Containers(self.transaction)

    @cached_property
    def runs(self) -> Runs:
        """Playbook runs, their action runs and logs."""
        return Runs(self.transaction)

    @cached_property
    def moves(self) -> Moves:
        """What moves a run on."""
        return Moves(self.transaction)

    @cached_property
    def families(self) -> Families:
        """Runs that call each other."""
        return Families(self.transaction)

    @cached_property
    def functions(self) -> Functions:
        """Custom functions and their calls."""
        return Functions(self.transaction)

    @cached_property
    def state(self) -> RunState:
        """What runs know by the names of their blocks."""
        return RunState(self.transaction)

    @cached_property
    def attachments(self) -> Attachments:
        """Texts that belong to containers."""
        return Attachments(self.transaction)

    @cached_property
    def cases(self) -> Cases:
        """What playbooks change of containers beyond their fields."""
        return Cases(self.transaction)

    @cached_property
    def custom_lists(self) -> CustomLists:
        """Rows of texts that playbooks look things up in."""
        return CustomLists(self.transaction)

    @cached_property
    def marks(self) -> Marks:
        """Tags of indicators, and evidence."""
        return Marks(self.transaction)

    @cached_property
    def workbooks(self) -> Workbooks:
        """Phases and tasks of cases."""
        return Workbooks(self.transaction)

    @cached_property
    def pins(self) -> Pins:
        """What stands at the top of containers."""
        return Pins(self.transaction)

    @cached_property
    def saved_objects(self) -> SavedObjects:
        """Values that playbooks keep beyond a run."""
        return SavedObjects(self.transaction)

    @cached_property
    def deeds(self) -> Deeds:
        """What a block has done before its end, and its tokens."""
        return Deeds(self.transaction)

    @cached_property
    def calls(self) -> Calls:
        """App runs: the single calls of actions."""
        return Calls(self.transaction)

    @cached_property
    def lanes(self) -> Lanes:
        """The waiting rooms of assets."""
        return Lanes(self.transaction)

    @cached_property
    def suspects(self) -> Suspects:
        """Calls whose workers died."""
        return Suspects(self.transaction)

    @cached_property
    def ledger(self) -> Ledger:
        """Effects: what stands at the vendors."""
        return Ledger(self.transaction)

    @cached_property
    def blast(self) -> Blast:
        """The breaker: its rules, and what it holds."""
        return Blast(self.transaction)

    @cached_property
    def shadow(self) -> Shadow:
        """Where writes are only simulated."""
        return Shadow(self.transaction)

    @cached_property
    def candidates(self) -> Candidates:
        """Runs of candidates, and of live versions beside."""
        return Candidates(self.transaction)

    @cached_property
    def assets(self) -> Assets:
        """Assets and triggers."""
        return Assets(self.transaction)

    @cached_property
    def playbooks(self) -> Playbooks:
        """Playbooks and their versions."""
        return Playbooks(self.transaction)

    @cached_property
    def approvals(self) -> Approvals:
        """Questions to humans."""
        return Approvals(self.transaction, self.notices)

    @cached_property
    def notices(self) -> Notices:
        """Who is told what about an approval."""
        return Notices(self.transaction, self.send_task)

    @cached_property
    def channels(self) -> Channels:
        """The ways on which people are told."""
        return Channels(self.transaction)

    @cached_property
    def policies(self) -> Policies:
        """Who must agree, and who has."""
        return Policies(self.transaction)

    @cached_property
    def desk(self) -> Desk:
        """What those see who answer."""
        return Desk(self.transaction)

    @cached_property
    def tenants(self) -> Tenants:
        """Whose containers are whose."""
        return Tenants(self.transaction)

    @cached_property
    def people(self) -> People:
        """People, and their tokens."""
        return People(self.transaction)

    @cached_property
    def roles(self) -> Roles:
        """What people may do."""
        return Roles(self.transaction)

    @cached_property
    def credentials(self) -> Credentials:
        """What people must know to sign in."""
        return Credentials(self.transaction)

    @cached_property
    def identities(self) -> Identities:
        """Who people are at a provider."""
        return Identities(self.transaction)

    @cached_property
    def views(self) -> Views:
        """Who has seen which approval."""
        return Views(self.transaction)

    @cached_property
    def sessions(self) -> Sessions:
        """Where people are signed in."""
        return Sessions(self.transaction)

    @cached_property
    def login_failures(self) -> LoginFailures:
        """Who failed to sign in, and how often."""
        return LoginFailures(self.transaction)

    @cached_property
    def delegations(self) -> Delegations:
        """Who may answer for whom."""
        return Delegations(self.transaction)

    @cached_property
    def trail(self) -> Audit:
        """The audit trail, as it is kept."""
        return Audit(self.transaction)

    @cached_property
    def overdue(self) -> Overdue:
        """What is older than it should be."""
        return Overdue(self.transaction)

    @cached_property
    def reads(self) -> Reads:
        """Rows as they are shown."""
        return Reads(self.transaction)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo what is done inside, and send none of it, if it raises; the rest stands."""
        kept, known = len(self.messages), len(self.happened)
        try:
            with self.transaction.attempt():
                yield
        except BaseException:
            del self.messages[kept:]
            del self.happened[known:]
            raise

    def lazily(self) -> None:
        """Let the commit not wait for the disk: what a crash forgets will be done again."""
        self.transaction.later("set local synchronous_commit = off", {})

    def audit(
        self, who: str, what: str, detail: Mapping[str, Any], *, sealer: Sealer | None = None
    ) -> None:
        """Keep for good that somebody decided or changed something; *sealer* signs it."""
        self.happened.append(Happened(who=who, what=what, detail=detail, sealer=sealer))

    def send(self, kind: str, body: Mapping[str, Any]) -> None:
        """Send a message once this transaction has been committed."""
        self.messages.append(Message(kind=kind, body=body))

    def send_task(self, name: str, *args: int, queue: str = "engine") -> None:
        """Send a task by name; its id is made of name and ids, so a repeat has the same."""
        task_id = "-".join([name.rpartition(".")[2], *map(str, args)])
        self.send("task", {"name": name, "args": list(args), "queue": queue, "id": task_id})

    def finish(self) -> list[tuple[int, Message]]:
        """Write the audit trail and the outbox; called just before the commit."""
        if self.happened:
            self.trail.append(self.happened)
        return self._store_messages()

    def _store_messages(self) -> list[tuple[int, Message]]:
        if not self.messages:
            return []
        rows = self.runs._all(
            Hot(
                "insert into outbox (kind, body) select m.kind, m.body from jsonb_to_recordset("
                "cast(:messages as jsonb)) as m(kind text, body jsonb) returning id"
            ),
            messages=json.dumps([{"kind": m.kind, "body": m.body} for m in self.messages]),
        )
        return list(zip(sorted(r["id"] for r in rows), self.messages, strict=True))
