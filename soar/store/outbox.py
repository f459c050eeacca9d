"""
Messages that a commit left to be sent.

In: ids of sent messages. Out: messages that nobody sent in time.
Never: a decision how a message is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from soar.store.database import Database
from soar.store.work import Message

TAKE_LATE = """
    update outbox set create_time = now() where id = any(array(
      select id from outbox where create_time < now() - make_interval(secs => %(seconds)s)
      order by id limit 200 for update skip locked)) returning id, kind, body
"""


def late(database: Database, *, seconds: int) -> list[tuple[int, Message]]:
    """Take the messages older than *seconds*; what is not sent comes again after as long."""
    rows = database.run(TAKE_LATE, {"seconds": seconds})
    return [(row[0], Message(kind=row[1], body=row[2])) for row in sorted(rows)]


FORGET = """
    delete from outbox where id = any(%(ids)s)
    returning set_config('synchronous_commit', 'off', true)
"""
"""Does not wait for the disk: a message that comes back after a crash is sent twice."""


def sent(database: Database, ids: Sequence[int]) -> None:
    """Forget messages that were sent."""
    if ids:
        database.run(FORGET, {"ids": list(ids)})
