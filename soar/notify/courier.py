"""
Sends notices: claims one, lets its channel carry it, writes down how that ended.

In: the id of a notice, as often as it is rung. Out: a message, at least once: a sender that dies
between the message and its record sends it again, under the same key.
Never: a wait in this process, or a notice lost: what failed is due again later, at last a finding.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from soar.catalog import Catalog
from soar.deadline import within
from soar.domain.notices import LONGEST_WAIT, MOST_TRIES, WHILE_OPEN, Event, NoticeStatus, backoff
from soar.notify import links, mail, slack, webhook
from soar.notify.errand import Errand, Moot, NotSent, NotYet
from soar.notify.telling import tell
from soar.store.database import Database
from soar.store.rows import Row
from soar.telemetry import log
from soar.vault import Vault, VaultClosed

Carry = Callable[[Errand], str]
CARRIERS: Mapping[str, Carry] = {
    "email": mail.carry,
    "slack": slack.carry,
    "webhook": webhook.carry,
}
Probe = Callable[[Mapping[str, Any], str], str]
PROBES: Mapping[str, Probe] = {
    "email": mail.probe,
    "slack": slack.probe,
    "webhook": webhook.probe,
}
MOST_SECONDS = 20.0
"""Longest that one message may take, from the name of its server to the last byte."""
BUSY_SECONDS = 15.0
"""So long a sender goes on with what else is due on the same channel."""
SOON = timedelta(seconds=5)


def probe(channel: Mapping[str, Any], vault: Vault, *, to: str = "") -> str:
    """Send a test message on a channel, and say in one sentence that it went well."""
    with within(MOST_SECONDS):
        return PROBES[channel["kind"]](vault.open_all(channel["configuration"]), to)


@dataclass(frozen=True, kw_only=True, slots=True)
class Courier:
    """Sends notices in a process that holds the vault and runs no playbook."""

    database: Database
    vault: Vault
    catalog: Catalog
    public_url: str = ""
    chance: random.Random = field(default_factory=random.SystemRandom)

    def send(self, notice_id: int) -> None:
        """Send a notice that is due, and then others of its channel while that goes well."""
        until = time.monotonic() + BUSY_SECONDS
        with self.database.begin() as work:
            notice = work.notices.claim(notice_id)
        while notice is not None and self._deliver(notice) and time.monotonic() < until:
            with self.database.begin() as work:
                notice = work.notices.claim_next(notice["channel_id"])

    def _deliver(self, notice: Row) -> bool:
        """Try one notice and write down how that ended; True if its channel works."""
        try:
            with within(MOST_SECONDS):
                reference = self._carry(notice)
        except Moot:
            self._end(notice, NoticeStatus.MOOT)
        except NotYet:
            self._again(notice, SOON, counts=False)
        except NotSent as error:
            self._not_sent(notice, error)
            self._count(notice, error)
            return False
        except VaultClosed as error:
            self._not_sent(notice, NotSent(str(error)))
            return False
        except Exception as error:
            log.exception("notice_broke", notice=notice["id"])
            self._not_sent(notice, NotSent(f"an error in the sender ({type(error).__name__})"))
            return False
        else:
            self._end(notice, NoticeStatus.SENT, reference=reference)
        return True

    def _carry(self, notice: Row) -> str:
        with self.database.begin() as work:
            question = work.notices.question(notice["approval_id"])
            channel = work.channels.by_id(notice["channel_id"])
            first = work.notices.first(
                notice["approval_id"], notice["channel_id"], but=notice["id"]
            )
            still = work.notices.still(notice["id"])
        event = Event(notice["event"])
        if question is None or channel is None or not still:
            raise Moot
        if event in WHILE_OPEN and question["status"] != "open":
            raise Moot
        errand = Errand(
            notice=notice,
            question=question,
            told=tell(question, event, catalog=self.catalog, public_url=self.public_url),
            settings=self.vault.open_all(channel["configuration"]),
            first=first,
            token=lambda purpose, choice: self._token(notice, question, purpose, choice),
        )
        return CARRIERS[channel["kind"]](errand)

    def _token(
        self, notice: Mapping[str, Any], question: Mapping[str, Any], purpose: str, choice: str
    ) -> str:
        digest = question["payload_digest"]
        with self.database.begin() as work:
            return links.new_token(work, notice, purpose, choice=choice, payload_digest=digest)

    def _not_sent(self, notice: Row, error: NotSent) -> None:
        if error.final or notice["tries"] >= MOST_TRIES:
            log.warning("notice_failed", notice=notice["id"], tries=notice["tries"])
            self._end(notice, NoticeStatus.FAILED, error=str(error))
            return
        wait = backoff(notice["tries"], chance=self.chance.random())
        asked = min(error.after or timedelta(0), LONGEST_WAIT)
        self._again(notice, max(wait, asked), error=str(error))

    def _count(self, notice: Row, error: NotSent) -> None:
        """Count a failure of the channel; what is *final* is the message's own."""
        if error.final:
            return
        with self.database.begin() as work:
            row = work.channels.failed(notice["channel_id"])
        if row is not None:
            until = f"{row['closed_until']:%H:%M:%S}"
            log.warning("channel_closed", channel=row["id"], failures=row["failures"], until=until)

    def _end(
        self, notice: Row, status: NoticeStatus, *, reference: str = "", error: str = ""
    ) -> None:
        with self.database.begin() as work:
            work.notices.ended(
                notice["id"], notice["tries"], status, reference=reference, error=error
            )
            if status is NoticeStatus.SENT and work.channels.worked(notice["channel_id"]):
                log.info("channel_opened", channel=notice["channel_id"])

    def _again(self, notice: Row, wait: timedelta, *, error: str = "", counts: bool = True) -> None:
        with self.database.begin() as work:
            work.notices.later(notice["id"], notice["tries"], wait, error=error, counts=counts)
