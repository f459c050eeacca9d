"""
A worker whose claims are switched off: the bug that the auditor must see.

In: the role of a process. Out: that process, in which a call may be claimed by anybody, at any
time, as often as its message comes. Never: used but by the test of the test.
"""

from __future__ import annotations

import sys

from soar.store import claims

if claims._CLAIMABLE not in claims.CLAIM:
    raise RuntimeError("the claim has changed: nothing is switched off any more")
claims.CLAIM = claims.CLAIM.replace(claims._CLAIMABLE, " c.id = %(id)s and c.task = %(task)s")
# A second look at the claim stands before a write: it goes with it.
claims.MARK_SENT = "update app_run set effect = 'sent' where id = %(id)s returning id"

if __name__ == "__main__":
    from workers.__main__ import main  # only now: it imports the statement

    main(sys.argv[1])
