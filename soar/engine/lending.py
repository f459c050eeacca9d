"""
What one block is lent: a reader, a folder, and a way to this system's own REST.

In: the run and the event that its block is told. Out: a reader, for as long as the block runs.
Never: a token or a file that is still there when the block has ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from soar.catalog import Catalog
from soar.engine.journal import Journal
from soar.engine.reader import Reader
from soar.engine.records import Records
from soar.engine.web import Web
from soar.settings import Settings
from soar.store.database import Database
from soar.store.rows import Row
from soar.store.work import Work


@contextmanager
def lent(
    database: Database,
    settings: Settings,
    catalog: Catalog,
    *,
    work: Work,
    run: Row,
    step: str,
) -> Iterator[Reader]:
    """Lend a block what it may use, and take it back when it has ended."""
    told = hashlib.sha256(step.encode()).hexdigest()[:32]  # a block may have any name
    journal = Journal(work=work, run_id=run["id"], step=told)
    web = Web(database=database, settings=settings, run=run, journal=journal)
    records = Records(work, run, settings, catalog, web.fetch, journal)
    try:
        yield Reader(work, settings.block_artifacts, records, run)
        journal.close()
    finally:
        web.close()
        records.own.clear()
