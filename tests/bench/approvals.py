"""
What a hundred thousand open questions cost: to list, to filter, to answer, and when all are due.

In: nothing (it starts its own servers, workers and lab). Out: a table, or JSON with ``--json``.
Never: a part of the product replaced; what waits are rows as the product writes them.

    python tests/bench/approvals.py [--json] [--count 100000] [--looks 50] [--answers 200]

A tenth of the questions are prompts, each with a join of its own; the others hold a call each. They
are put to twenty roles, about containers of three labels and four severities. Times of REST and
pages are those of a client, request to last byte, one after the other. At the end all are due at
once, and the sweep's own code closes them; its workers hear of it meanwhile.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from html import unescape
from typing import Any

import redis
import requests
from ground import TASK, Ground, ground
from parked import memory
from rich.console import Console
from rich.table import Table

from soar import access, users
from soar.engine import expiry

EACH = 500
"""So many questions hang on one run."""
PROMPTS = 10
"""One question of so many is a prompt."""
PASSWORD = "correct horse battery staple"
SETTLE = 5.0
PATIENCE = 3600.0
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')

ABOUT = """
    update container set label = (array['phishing', 'malware', 'events'])[1 + id % 3],
      severity = (array['low', 'medium', 'high', 'critical'])[1 + id % 4] where id = :container
"""
JOINS = """
    insert into action_run (id, join_id, run_id, container_id, kind, action, name, remaining)
    select id, id, :run, :container, 'prompt', 'prompt', 'bench', 1 from (
      select nextval(pg_get_serial_sequence('action_run', 'id')) as id
      from generate_series(1, :n)) x returning id
"""
QUESTIONS = """
    insert into approval (public_id, run_id, action_run_id, container_id, kind, name, assignee,
      addressees, message, options, payload, payload_digest, due_at)
    select q.public_id, :run, q.join_id, :container, :kind, :name, q.role, array[q.role],
      :message, '["Approve", "Deny"]', jsonb_build_object('approval', q.public_id, 'run',
        cast(:run as bigint), 'container', cast(:container as bigint), 'assignee', q.role,
        'message', cast(:message as text), 'options', '["Approve", "Deny"]'::jsonb,
        'due', now() + interval '30 days', 'effects', jsonb_build_object('Approve', case :kind
          when 'prompt' then '[]'::jsonb else jsonb_build_array(jsonb_build_object(
            'action', 'domain reputation', 'app', 'virustotal', 'asset', 'unlimited',
            'app_version', '1.0.0', 'parameters', jsonb_build_object('domain',
              q.public_id || '.example'))) end, 'Deny', '[]'::jsonb)),
      md5(q.public_id) || md5(q.public_id), now() + interval '30 days' + n * interval '1 s'
    from (select gen_random_uuid()::text as public_id, join_id, n, 'role' || n % 20 as role
      from unnest(cast(:joins as bigint[])) with ordinality as j(join_id, n)) q returning id
"""
CALLS = """
    insert into app_run (action_run_id, join_id, run_id, container_id, severity_rank, app,
      app_version, action, asset, task, parameters, status, parked_for, approval_id, rung_at)
    select :join, :join, :run, :container, 2, 'virustotal', '1.0.0', 'domain reputation',
      'unlimited', :task, jsonb_build_object('domain', question || '.example'), 'parked',
      'approval', question, now() from unnest(cast(:questions as bigint[])) question
"""
LISTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "REST first page": ("/rest/approval", {}),
    "REST newest first": ("/rest/approval", {"sort": "id", "order": "desc"}),
    "REST open": ("/rest/approval", {"_filter_status": '"pending"'}),
    "REST of an addressee": (
        "/rest/approval",
        {"_filter_status": '"pending"', "_filter_owner": '"role3"'},
    ),
    "REST of a label and severity": (
        "/rest/approval",
        {"_filter_container__label": '"malware"', "_filter_container__severity": '"high"'},
    ),
    "page, mine": ("/approvals", {}),
    "page, everybody's": ("/approvals", {"whose": "all"}),
    "page, of a severity": ("/approvals", {"whose": "all", "severity": "critical"}),
    "page, of a name that nothing has": ("/approvals", {"whose": "all", "text": "nothing"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """How long one thing took, in milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was measured."""

    open: int
    lists_ms: Mapping[str, Times]
    answer_ms: Times
    worker_mb_growth: float
    worker_mb_noise: float
    messages_in_queues: int
    expired: int
    expired_per_second: float
    longest_transaction_ms: float
    heard_seconds: float
    """From the last of them until every run that asked has heard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """A client with a token, and a browser that is signed in."""

    url: str
    session: requests.Session

    @classmethod
    def of(cls, pool: Ground) -> Visitor:
        """Make somebody with a role, a token and a password, and sign them in."""
        with pool.house.database.begin() as work:
            users.add(work, "ada", roles=["analyst", "role3"], by="bench")
            users.set_password(work, "ada", PASSWORD, by="bench")
            token = access.create_token(work, "ada", roles=["analyst", "role3"])
        session = requests.Session()
        session.trust_env = False
        session.headers["ph-auth-token"] = token
        visitor = cls(url=pool.stack.web_url, session=session)
        page = visitor.ask("/login").text
        hidden = {name: unescape(value) for name, value in FIELD.findall(page)}
        form = {**hidden, "username": "ada", "password": PASSWORD, "code": ""}
        session.post(f"{visitor.url}/login", data=form, timeout=60).raise_for_status()
        return visitor

    def ask(self, path: str, parameters: Mapping[str, Any] | None = None) -> requests.Response:
        """Open an address; anything but an answer ends the bench."""
        reply = self.session.get(self.url + path, params=parameters, timeout=60)
        reply.raise_for_status()
        return reply

    def answer(self, number: int) -> float:
        """Approve a question as it is shown now; return how long the answer took."""
        digest = self.ask(f"/rest/approval/{number}").json()["payload_digest"]
        body = {"choice": "Approve", "payload_digest": digest}
        began = time.perf_counter()
        reply = self.session.post(f"{self.url}/rest/approval/{number}", json=body, timeout=60)
        took = time.perf_counter() - began
        reply.raise_for_status()
        return took


def fill(pool: Ground, count: int) -> None:
    """Let so many questions be open."""
    for _ in range(0, count, EACH):
        ids = pool.run("bench")
        with pool.house.database.begin() as work:
            work.containers._do(ABOUT, container=ids["container"])
            of = {"run": ids["run"], "container": ids["container"]}
            prompts = work.containers._all(JOINS, n=EACH // PROMPTS, **of)
            joins = [row["id"] for row in prompts]
            work.containers._all(QUESTIONS, **of, **_text("prompt"), joins=joins)
            held = [ids["join"]] * (EACH - len(joins))
            asked = work.containers._all(QUESTIONS, **of, **_text("action"), joins=held)
            work.containers._do(CALLS, **ids, task=TASK, questions=[row["id"] for row in asked])


def _text(kind: str) -> dict[str, str]:
    return {"kind": kind, "name": f"bench {kind}", "message": "domain reputation: 1 call"}


def queued(pool: Ground) -> int:
    """Return how many messages wait in the broker, or are with a worker."""
    client = redis.Redis.from_url(pool.stack.settings.redis_url.get_secret_value())
    keys = [key for key in client.scan_iter() if not key.startswith(b"_kombu")]
    lists = [key for key in keys if client.type(key) == b"list"]
    return int(sum(client.llen(key) for key in lists) + client.hlen("unacked"))


def looks(visitor: Visitor, pool: Ground, count: int) -> dict[str, Times]:
    """Return how long each list takes, its first pages and its deepest."""
    open_now = pool.rows("select count(*) as n from approval")[0]["n"]
    deep = {"page": open_now // 10 - 1}
    (place,) = pool.rows(
        "select due_at, id from approval where status = 'open' order by due_at desc, id desc"
        " offset 100 limit 1"
    )
    after = {"whose": "all", "after": f"{place['due_at'].isoformat()},{place['id']}"}
    every = {
        **LISTS,
        "REST last page": ("/rest/approval", deep),
        "page, the last": ("/approvals", after),
    }
    return {
        name: _times(partial(visitor.ask, path, parameters), count)
        for name, (path, parameters) in every.items()
    }


def _times(look: Callable[[], object], count: int) -> Times:
    look()
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        look()
        taken.append(time.perf_counter() - began)
    return _of(taken)


def _of(seconds: list[float]) -> Times:
    cut = statistics.quantiles(seconds, n=100, method="inclusive")
    return Times(p50=round(cut[49] * 1000, 1), p99=round(cut[98] * 1000, 1))


def answers(visitor: Visitor, pool: Ground, count: int) -> Times:
    """Return how long answers take, one after the other, of those put to one role."""
    rows = pool.rows(
        "select id from approval where status = 'open' and assignee = 'role3'"
        " order by random() limit :n",
        n=count,
    )
    return _of([visitor.answer(row["id"]) for row in rows])


def expire(pool: Ground) -> tuple[int, float, float]:
    """Let all be due at once; return how many were closed, how fast, and the slowest batch."""
    pool.rows("update approval set due_at = now() where status = 'open' returning 1")
    began, closed, longest = time.perf_counter(), 0, 0.0
    while True:
        at = time.perf_counter()
        with pool.house.database.begin() as work:
            found = expiry.batch(work)
        longest = max(longest, time.perf_counter() - at)
        closed += found
        if not found:
            return closed, closed / (time.perf_counter() - began), longest * 1000


def heard(pool: Ground) -> float:
    """Return the seconds until every run that asked has heard; the sweep rings again."""
    began = time.perf_counter()
    pool.start("beat", "beat")
    while pool.rows(
        "select 1 from action_run where delivered_at is null and end_time is not null limit 1"
    ):
        if time.perf_counter() - began > PATIENCE:
            raise SystemExit("error: not every run has heard within an hour")
        time.sleep(0.5)
    return time.perf_counter() - began


def measure(count: int, looked: int, answered: int) -> Found:
    """Fill, look, answer, let all be due."""
    with ground() as pool:
        pool.asset("unlimited", rate_limit=False)
        pids = [pool.start(role, role) for role in ("engine", "actions", "http")]
        pool.await_workers(2)
        pool.stack.supervisor.wait_ready("http", pool.stack._probe("http"), within=60.0)
        visitor = Visitor.of(pool)
        fill(pool, EACH)
        looks(visitor, pool, 3), answers(visitor, pool, 5)  # warm-up, thrown away
        before = memory(pids)
        time.sleep(SETTLE)
        noise, before = memory(pids) - before, memory(pids)
        fill(pool, count - EACH)
        time.sleep(SETTLE)
        growth, waiting = memory(pids) - before, queued(pool)
        lists, answer = looks(visitor, pool, looked), answers(visitor, pool, answered)
        closed, rate, longest = expire(pool)
        told = heard(pool)
    return Found(
        open=count,
        lists_ms=lists,
        answer_ms=answer,
        worker_mb_growth=round(growth, 1),
        worker_mb_noise=round(noise, 1),
        messages_in_queues=waiting,
        expired=closed,
        expired_per_second=round(rate, 1),
        longest_transaction_ms=round(longest, 1),
        heard_seconds=round(told, 1),
    )


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        shown = name.replace("_", " ")
        if isinstance(value, Mapping) and "p50" not in value:
            yield from ((f"{shown}: {key}", text) for key, text in _rows(value))
        elif isinstance(value, Mapping):
            yield shown, f"{value['p50']} (p99 {value['p99']})"
        else:
            yield shown, str(value)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--count", type=int, default=100_000, help="questions that are open")
    parser.add_argument("--looks", type=int, default=50, help="times that each list is opened")
    parser.add_argument("--answers", type=int, default=200, help="questions that are answered")
    given = parser.parse_args()
    found = asdict(measure(given.count, given.looks, given.answers))
    if given.json:
        print(json.dumps(found, indent=1))
        return
    table = Table("what", "measured", title="questions that are open at once")
    for row in _rows(found):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
