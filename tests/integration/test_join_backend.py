"""
A real chord, by real Celery workers, joined in PostgreSQL.

In: the house, and a worker in a thread of this process. Out: nothing.
Never: a result in Redis, or a body that is sent twice by itself.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from celery import Task
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore

from soar.bootstrap import House
from soar.bus.app import RESUME_RUN, Receipt, member_signature, resume_signature, ring_member
from soar.domain.model import Outcome
from soar.engine import chords
from soar.store.claims import CLAIM, claim_of

TASK = "soar.tasks.sham.look_up"
SECRET = "what-nobody-may-read"


class Pool:
    """A worker with one task, and what came of it."""

    def __init__(self, house: House) -> None:
        self.house, self.bodies = house, []  # type: ignore[var-annotated]
        self.mood: Callable[[int], None] = lambda number: None
        pool = self

        class LookUp(Task):  # type: ignore[misc]
            """A header task as ActionTask is one: it returns an outcome, or is ignored."""

            name = TASK
            acks_late = True
            ignore_result = True

            def run(self, app_run_id: int) -> Outcome:
                """Claim and end."""
                rows = house.database.run(CLAIM, {"id": app_run_id, "owner": "alive", "task": TASK})
                if not rows:
                    raise Ignore
                pool.mood(app_run_id)
                claim = claim_of(rows[0])
                return Outcome(
                    app_run_id=claim.id,
                    attempt=claim.attempt,
                    succeeded=True,
                    message=SECRET,
                    summary={"secret": SECRET},
                )

        house.app.register_task(LookUp())

        def resume(run_id: int, join_id: int) -> None:
            pool.bodies.append((run_id, join_id))

        del house.app.tasks[RESUME_RUN]
        house.app.task(name=RESUME_RUN, ignore_result=True, shared=False)(resume)

    def join(self, members: int) -> dict[str, Any]:
        """Write the rows of a join and return its "chord" message."""
        with self.house.database.begin() as work:
            run_id = self._run(work)
            join_id = work.runs.add_action_run(
                run_id=run_id,
                container_id=1,
                kind="act",
                action="look up",
                name="x",
                remaining=members,
            )
            member = {"action": "look up", "asset": "sham", "task": TASK}
            numbers = [
                work.calls.add(
                    action_run_id=join_id,
                    join_id=join_id,
                    run_id=run_id,
                    container_id=1,
                    severity_rank=1,
                    member=member,
                )
                for _ in range(members)
            ]
        return chords.message(run_id, join_id, [(n, TASK, "sham") for n in numbers])

    @staticmethod
    def _run(work: Any) -> int:
        playbook, _ = work.playbooks.save(name="p", title="P", version="1", source="")
        work.containers._do(
            "insert into container (asset, source_id, name, label, severity)"
            " values ('a', 'a', 'a', 'a', 'low')"
        )
        return int(
            work.runs.add(container_id=1, playbook_id=playbook, started_by="a test", run_as="x")
        )

    @contextmanager
    def works(self) -> Iterator[None]:
        """Let a worker work until everything sent so far is done."""
        app = self.house.app
        queues = ["asset.sham", "engine"]
        app.amqp.queues.select(queues)
        with start_worker(
            app, pool="solo", perform_ping_check=False, queues=queues, loglevel="ERROR",
            shutdown_timeout=20,
        ):  # fmt: skip
            yield

    def remaining(self) -> int:
        """Return how many members the join still waits for."""
        with self.house.database.begin() as work:
            return int(work.runs._value("select remaining from action_run"))


@pytest.fixture
def pool(house: House) -> Pool:
    """The pool, with no worker working yet."""
    return Pool(house)


def wait_until_done(house: House) -> None:
    """
    Wait until no message is left for half a second, neither waiting nor in work.

    One look is not enough: kombu takes a message and notes it as unacknowledged in two steps.
    """
    client = redis.Redis.from_url(house.settings.redis_url.get_secret_value())
    quiet = 0
    try:
        for _ in range(1000):
            left = client.llen("asset.sham") + client.llen("engine") + client.hlen("unacked")
            quiet = 0 if left else quiet + 1
            if quiet == 25:
                return
            threading.Event().wait(0.02)
    finally:
        client.close()
    raise AssertionError("the worker is not done after 20 s")


def run_all(pool: Pool, house: House) -> None:
    """Let a worker do what was sent."""
    with pool.works():
        wait_until_done(house)


@pytest.mark.parametrize("members", [1, 2, 5])
def test_the_body_of_a_chord_is_sent_once_when_all_members_have_ended(
    pool: Pool, house: House, members: int
) -> None:
    """
    Also a chord of one member, which Celery would like to make a chain.
    """
    body = pool.join(members)

    chords.ring(house.app, body)
    run_all(pool, house)

    assert pool.bodies == [(body["run_id"], body["join_id"])]
    assert pool.remaining() == 0


def test_a_member_that_is_published_twice_is_counted_once(pool: Pool, house: House) -> None:
    """
    The second delivery finds the claim taken and is ignored.
    """
    body = pool.join(3)
    number = body["members"][0][0]

    chords.ring(house.app, body)
    again = {
        "app_run_id": number, "task": TASK, "asset": "sham", "run_id": body["run_id"],
        "join_id": body["join_id"],
    }  # fmt: skip
    ring_member(house.app, again)
    chords.ring(house.app, body)
    run_all(pool, house)

    assert pool.bodies == [(body["run_id"], body["join_id"])]
    assert pool.remaining() == 0


def test_a_member_that_parks_is_counted_when_it_comes_back(pool: Pool, house: House) -> None:
    """
    An ignored member leaves its chord open; sent again by itself, it ends the same chord.
    """
    body = pool.join(2)
    parked = body["members"][1][0]

    def park(number: int) -> None:
        if number == parked:
            house.database.run(
                "update app_run set status = 'parked' where id = %(id)s", {"id": number}
            )
            raise Ignore

    pool.mood = park
    chords.ring(house.app, body)
    with pool.works():
        wait_until_done(house)
        assert pool.bodies == []
        assert pool.remaining() == 1

        pool.mood = lambda number: None
        house.database.run("update app_run set status = 'pending' where status = 'parked'", {})
        ring_member(
            house.app,
            {
                "app_run_id": parked, "task": TASK, "asset": "sham", "run_id": body["run_id"],
                "join_id": body["join_id"],
            },
        )  # fmt: skip
        wait_until_done(house)

    assert pool.bodies == [(body["run_id"], body["join_id"])]


def test_a_member_that_raises_is_not_counted(pool: Pool, house: House) -> None:
    """
    What ends without an outcome has ended nothing: its row says what is true.
    """
    body = pool.join(2)
    first = body["members"][0][0]

    def raise_once(number: int) -> None:
        if number == first:
            raise ValueError("a bug")

    pool.mood = raise_once
    chords.ring(house.app, body)
    run_all(pool, house)

    assert pool.bodies == []
    assert pool.remaining() == 1


def test_messages_carry_ids_only(pool: Pool, house: House) -> None:
    """
    Neither arguments nor their text in a header tell more than numbers.
    """
    body = pool.join(1)

    chords.ring(house.app, body)

    client = redis.Redis.from_url(house.settings.redis_url.get_secret_value())
    (raw,) = client.lrange("asset.sham", 0, -1)
    client.close()
    headers = json.loads(raw)["headers"]
    assert headers["task"] == TASK
    assert headers["id"] == f"app_run-{body['members'][0][0]}"
    assert headers["argsrepr"] == headers["kwargsrepr"] == "…"


def test_no_result_is_kept_in_redis(pool: Pool, house: House) -> None:
    """
    After a chord there is nothing in Redis but Celery's own bindings, and counts of the lane.
    """
    chords.ring(house.app, pool.join(2))
    run_all(pool, house)

    client = redis.Redis.from_url(house.settings.redis_url.get_secret_value())
    keys = {key.decode() for key in client.scan_iter()}
    client.close()
    assert not [key for key in keys if "result" in key or "celery-task-meta" in key]
    rest = {key for key in keys if "_kombu" not in key}
    assert not [key for key in rest if not key.startswith(("unacked", "soar:lane:"))], rest


def test_signatures_have_the_same_id_on_every_sending(house: House) -> None:
    """
    A repeat of a message is known by its id.
    """
    body = {"app_run_id": 7, "task": TASK, "asset": "sham"}

    assert (
        member_signature(house.app, body).id == member_signature(house.app, body).id == "app_run-7"
    )
    assert resume_signature(house.app, 1, 2).id == "resume_run-1-2"


def test_what_is_sent_once_is_not_copied_before_and_gives_nothing_to_wait_for(house: House) -> None:
    """
    A chord copies each member with its callback in it, and asks for a result of each.
    """
    one = member_signature(house.app, {"app_run_id": 7, "task": TASK, "asset": "sham"})

    assert one.clone() is one
    assert one.clone(kwargs={"other": 1}).kwargs == {} == one.kwargs  # it is immutable
    assert one.clone(countdown=1) is not one
    assert type(one.freeze()) is Receipt
