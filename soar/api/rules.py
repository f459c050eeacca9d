"""
The rules that people write, as nouns: of the breaker, and of approvals.

In: nothing. Out: listings. Never: a column that a client named.
"""

from __future__ import annotations

from soar.api.nouns import columns_of
from soar.domain import blast, policy
from soar.store.listing import SHARED, Listing

_MADE = columns_of("time", create_time="x.create_time")
_OTHER = {"apart", "fresh"}

BLAST_RULES = Listing(
    noun="blast rule",
    source="blast_rule x",
    ours=SHARED,
    columns="x.*",
    fields={
        **columns_of("int", id="x.id"),
        **columns_of("text", **{n: f'x."{n}"' for n in (*blast.FIELDS, "created_by")}),
        **_MADE,
    },
)

POLICIES = Listing(
    noun="approval policy",
    source="policy x",
    ours=SHARED,
    columns="x.*",
    fields={
        **columns_of("int", id="x.id", fresh="x.fresh"),
        **columns_of("text", **{n: f"x.{n}" for n in policy.FIELDS if n not in _OTHER}),
        **columns_of("text", created_by="x.created_by"),
        **_MADE,
    },
)
