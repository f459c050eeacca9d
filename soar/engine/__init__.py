"""
Runs playbooks: one block of a run at a time, everything it asks in one transaction.

In: messages that name a run. Out: rows, and chords that leave after the commit.
Never: a vendor's key, or a block of one run beside another of the same run.
"""
