"""
Flower's options: a login from the environment, and no button, argument or result.

In: SOAR_FLOWER_BASIC_AUTH, as user:password. Out: options that Flower reads by their names.
Never: a start without a login, or on an address that somebody did not choose.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def _login() -> str:
    login = os.environ.get("SOAR_FLOWER_BASIC_AUTH", "")
    user, _, password = login.partition(":")
    if not user or not password:
        sys.exit("Flower needs a login: set SOAR_FLOWER_BASIC_AUTH to USER:PASSWORD")
    return login


def _without_contents(task: Any) -> Any:
    """Blank what a task was given and what it returned, on the pages that would show it."""
    task.args = task.kwargs = task.result = task.traceback = None
    return task


basic_auth = [_login()]
address = os.environ.get("SOAR_HTTP_HOST", "127.0.0.1")
port = int(os.environ.get("SOAR_FLOWER_PORT", "5555"))
read_only = True
tasks_columns = "name,uuid,state,routing_key,received,started,runtime,worker"
format_task = _without_contents
# The workers send events by themselves; Flower need not ask every worker for them again and again.
enable_events = False
natural_time = True
max_tasks = 10_000
purge_offline_workers = 300
