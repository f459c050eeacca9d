"""
Views: who has seen which approval, and when it was last noted.

In: numbers of approvals and people. Out: whether a view is a new one.
Never: a note for each reload: a person who looks again within some minutes has seen it already.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Table

from soar.store.columns import metadata, now_column
from soar.store.rows import Queries

EVERY = "interval '10 minutes'"

approval_view = Table(
    "approval_view",
    metadata,
    Column(
        "approval_id",
        BigInteger,
        ForeignKey("approval.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "person_id",
        BigInteger,
        ForeignKey("person.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    now_column("seen_at"),
)


class Views(Queries):
    """Named queries on views."""

    def note(self, approval_id: int, username: str) -> bool:
        """Note that somebody sees an approval, and tell whether they had not lately."""
        return bool(
            self._do(
                f"""
                insert into approval_view as v (approval_id, person_id)
                select :approval, id from person where username = :name
                on conflict (approval_id, person_id) do update set seen_at = now()
                  where v.seen_at < now() - {EVERY}
                """,
                approval=approval_id,
                name=username,
            )
        )
