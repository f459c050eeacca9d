"""
Looks a playbook over before it is imported: what would fail, what acts twice, what will be asked.

In: texts, and what this system knows. Out: findings, each a sentence with its line.
Never: playbook code run, or a database that must be there.
"""
