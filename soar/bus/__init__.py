"""
Celery: the factory of the app, the names of all messages, the join in PostgreSQL.

In: settings and a database. Out: a configured app, and messages that carry ids only.
Never: a parameter, a secret or a result in a message.
"""
