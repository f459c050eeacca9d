"""
A worker whose claims are switched off: the bug that the auditor must see.

In: the role of a process. Out: that process, in which a call may be claimed by anybody, at any
time, as often as its message comes. Never: used but by the test of the test.
"""

from __future__ import annotations

import sys

from soar.store import blast, claims, effects

ANYBODY = " c.id = %(id)s and c.task = %(task)s"
REMEMBERS = "then 'sent'\n             else c.effect end"


def without(statement: str, part: str, instead: str) -> str:
    """Return a statement whose guard is switched off."""
    if part not in statement:
        raise RuntimeError("the claim has changed: nothing is switched off any more")
    return statement.replace(part, instead)


claims.CLAIM_READ = without(claims.CLAIM_READ, claims.CLAIMABLE, ANYBODY)
effects.CLAIM_WRITE = without(
    without(effects.CLAIM_WRITE, claims.CLAIMABLE, ANYBODY),
    REMEMBERS,
    "then 'none' else 'none' end",
)
# A second look at the claim stands before a write: it goes with it.
effects.MARK_SENT = "update app_run set effect = 'sent' where id = %(id)s returning id"
blast.LET_GO = f"{effects.MARK_SENT.removesuffix('id')} null::int, 0, ''"

if __name__ == "__main__":
    from workers.__main__ import main  # only now: it imports the statement

    main(sys.argv[1])
