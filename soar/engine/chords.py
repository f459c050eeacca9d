"""
Plan to Celery chords; the only canvas code.

In: the body of a "chord" message: ids and names of a join's members. Out: one chord, sent.
Never: a parameter or a result. Sending the same chord twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import Celery, chord

from soar.bus.app import member_signature, resume_signature


def message(run_id: int, join_id: int, members: list[tuple[int, str, str]]) -> dict[str, Any]:
    """Return the body of a "chord" message: (app run, task, asset) of each member."""
    return {"run_id": run_id, "join_id": join_id, "members": [list(m) for m in members]}


def ring(app: Celery, body: Mapping[str, Any]) -> None:
    """Send the chord of one join: its members, and the resumption of its run as the body."""
    header = [
        member_signature(app, {"app_run_id": number, "task": task, "asset": asset})
        for number, task, asset in body["members"]
    ]
    chord(header, resume_signature(app, body["run_id"], body["join_id"]), app=app).apply_async(
        task_id=f"chord-{body['join_id']}"
    )
