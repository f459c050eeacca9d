"""
Playbooks, and the words that containers are described with, as nouns.

In: nothing. Out: fixed listings. Never: a name from outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from soar.api.nouns import columns_of
from soar.domain.model import CONTAINER_STATUSES, SEVERITIES
from soar.store.listing import SHARED, Listing

_TEXTS = "array(select jsonb_array_elements_text(coalesce(x.details->'{0}', '[]')))"
_FIELDS = {
    **columns_of("int", id="x.id", manual_minutes="x.manual_minutes"),
    **columns_of("text", name="x.name", title="x.title", version="x.version"),
    **columns_of(
        "text",
        category="coalesce(x.details->>'category', '')",
        scm="coalesce(x.details->>'repo', 'local')",
        scm__name="coalesce(x.details->>'repo', 'local')",
        playbook_type="case x.details->>'kind' when 'input' then 'data' else 'automation' end",
    ),
    **columns_of("texts", tags=_TEXTS.format("tags"), labels=_TEXTS.format("labels")),
    **columns_of(
        "bool",
        active="x.active",
        disabled="false",
        draft_mode="coalesce(cast(x.details->>'draft' as boolean), false)",
    ),
    **columns_of("time", create_time="x.created_at"),
}
_COLUMNS = (
    "x.id, x.name, x.title, x.version, x.sha256, x.manual_minutes, x.details, x.active,"
    " x.created_at"
)

PLAYBOOKS = Listing(
    noun="playbook",
    source="playbook x",
    columns=_COLUMNS,
    heavy="x.source",
    fields=_FIELDS,
    always="x.active",
    ours=SHARED,
)
PLAYBOOK_VERSIONS = Listing(
    noun="playbook",
    source="playbook x",
    columns=_COLUMNS,
    heavy="x.source",
    fields=_FIELDS,
    ours=SHARED,
)


def _words(noun: str, words: Sequence[str]) -> Listing:
    """Return the listing of words that are fixed; their ids are their places, from 1."""
    rows = ", ".join(f"({number}, '{word}')" for number, word in enumerate(words, start=1))
    return Listing(
        noun=noun,
        source=f"(values {rows}) x (id, name)",
        columns="x.id, x.name",
        ours=SHARED,
        fields={**columns_of("int", id="x.id"), **columns_of("text", name="x.name")},
    )


STATUSES = _words("container status", CONTAINER_STATUSES)
SEVERITY = _words("severity", SEVERITIES)
