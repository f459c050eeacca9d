"""
Queues and connections that come and go.

In: the trapped product. Out: nothing. Never: a queue that nobody consumes.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from soar.bootstrap import House
from tests.traps.conftest import Product

CASE = {"type": "none"}
ASK = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("domain reputation", parameters=[{"domain": f"a{container['id']}.added.example"}],
                assets=["added"], callback=told)

def told(action, success, container, results, handle):
    phantom.comment(container, results[0]["status"])
"""


@pytest.mark.trap(23, "celery#7733, celery#1048, celery#987")
def test_a_new_assets_queue_is_consumed_also_after_restarts(product: Product) -> None:
    """
    An asset is added while workers run: its call is made. It still is after the worker was
    killed and replaced, and after the broker was.

    Source: celery#7733, celery#1048, celery#987.
    """
    with product.house.database.begin() as work:
        work.assets.save(
            slug="added", app="virustotal", configuration=work.assets.get("hasty").configuration
        )
    product.playbook(ASK, label="added")

    told = []
    for disturb in (lambda: None, lambda: product.replace("actions"), product.restart_broker):
        disturb()
        case = product.alert("added", CASE)
        product.after(case)
        told += product.notes(case)

    assert told == ["success"] * 3


FORKS = """
import os, sys
from soar.store.database import Database

database = Database(sys.argv[1])
with database.begin() as work:
    work.reads.runs_of(0)
parent = database.run("select pg_backend_pid()", {})[0][0]
readers = []
for child in range(4):
    end, mine = os.pipe()
    if os.fork() == 0:
        right, pids = 0, set()
        for n in range(50):
            (number, pid), = database.run("select %(n)s::int, pg_backend_pid()", {"n": n})
            with database.begin() as work:
                own = work.reads._value("select pg_backend_pid()")
            right += number == n
            pids |= {pid, own}
        os.write(mine, f"{right} {' '.join(map(str, sorted(pids)))}".encode())
        os._exit(0)
    os.close(mine)
    readers.append(end)
print(parent)
for end in readers:
    print(os.read(end, 1000).decode())
"""


@pytest.mark.trap(26, "celery#1564")
def test_connections_are_not_shared_across_a_fork(house: House) -> None:
    """
    A process has used the database and forks four children: 200 queries by each way get their own
    answers, and no connection is used by two processes.

    Source: celery#1564.
    """
    url = house.settings.database_url.get_secret_value()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, url],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    parent, *children = done.stdout.split("\n")[:-1]
    pids = [pid for child in children for pid in child.split()[1:]]

    assert [child.split()[0] for child in children] == ["50"] * 4
    assert len(pids) == len(set(pids)) >= 8
    assert parent not in pids
