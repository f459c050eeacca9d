"""
The auditor: compares what was accepted, what PostgreSQL says and what the lab has seen.

In: facts. Out: every breach of the promise, each with where to look. Never: I/O, or a guess.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from soar.store.suspects import ACCUSED
from tests.chaos.facts import UNDO, Cancel, Facts, Row
from tests.chaos.ground import FEW, FEW_SECONDS, LIMIT, SECONDS
from tests.chaos.plan import Alert

STANDSTILL = 90.0
"""Seconds: three times what one loss may cost (an emptied Redis: 30 s)."""
ENDED = ("success", "failed", "cancelled")
WRITES: Mapping[str, tuple[str, str]] = {
    "block ip": ("block", "ip"),
    "create ticket": ("ticket", "short_description"),
    "quarantine device": ("contain", "hostname"),
    "unquarantine device": ("release", "hostname"),
}
CONTAINMENTS = ("block ip", "quarantine device")
ENDING = ("lease", "undo")
"""What becomes of an alert whose isolation is taken back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """One broken promise."""

    what: str
    where: str
    detail: str


def audit(facts: Facts, *, limit: int = LIMIT) -> list[Breach]:
    """Return every breach, in the order of the promise."""
    rules: tuple[Callable[[Facts], Iterator[Breach]], ...] = (
        alerts_become_cases,
        playbooks_run_once,
        runs_end,
        callbacks_hear_once,
        effects_happen_once,
        writes_are_not_repeated,
        shared_effects_are_one,
        what_ends_is_taken_back_once,
        what_is_contested_adds_up,
        the_cancelled_do_nothing_more,
        the_ledger_agrees,
        the_vendors_agree,
        nobody_acts_unasked,
        nothing_is_left,
        nothing_stands_still,
    )
    found = [breach for rule in rules for breach in rule(facts)]
    return [*found, *lanes_hold(facts, limit), *few_are_at_once(facts)]


def alerts_become_cases(facts: Facts) -> Iterator[Breach]:
    """Every accepted alert is exactly one container; none is acknowledged and lost."""
    count = Counter(c["source_id"] for c in facts.containers)
    for alert in facts.alerts:
        if count[alert.source_id] != 1:
            what = "alert lost" if not count[alert.source_id] else "alert doubled"
            yield _breach(what, alert.source_id, f"{count[alert.source_id]} containers")
    for source in facts.swallowed:
        yield _breach("alert swallowed", source, "acknowledged, and there was no container")
    for reason in facts.dead:
        yield _breach("alert put aside", "dead alerts", reason)


def playbooks_run_once(facts: Facts) -> Iterator[Breach]:
    """Every matching playbook runs exactly once, and every sub-playbook once for its caller."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    below: dict[int, Counter[str]] = defaultdict(Counter)
    for run in facts.runs:
        (below if run["parent"] else found)[run["container_id"]][run["playbook"]] += 1
    numbers = _numbers(facts)
    for alert in facts.alerts:
        number = numbers.get(alert.source_id)
        if number is None:
            continue
        if alert.fate in ENDING:
            del found[number][UNDO]
        for expected, got in ((alert.playbooks, found), (alert.children, below)):
            for name in sorted({*expected, *got[number]}):
                wanted, there = expected.count(name), got[number][name]
                unborn = got is below and not there and alert.source_id in facts.cancelled
                if wanted != there and not unborn:
                    what = "run lost" if there < wanted else "run doubled"
                    detail = f"{name}: {there} runs, not {wanted}"
                    yield _breach(what, f"container {number} ({alert.source_id})", detail)


def runs_end(facts: Facts) -> Iterator[Breach]:
    """Every run ends, and ends well unless it is cancelled: nothing else may make one fail."""
    cancelled = _cancelled(facts)
    for run in facts.runs:
        where = f"run {run['id']} ({run['playbook']})"
        if run["status"] not in ENDED:
            yield _breach("run unfinished", where, run["status"])
        elif run["status"] == "cancelled":
            if run["container_id"] not in cancelled and run["id"] not in facts.stopped:
                yield _breach("run failed", where, f"{run['status']}: {run['error']}")
        elif run["status"] != "success":
            yield _breach("run failed", where, f"{run['status']}: {run['error']}")


def callbacks_hear_once(facts: Facts) -> Iterator[Breach]:
    """Every callback is called exactly once, over exactly its own results as the rows have them."""
    members: dict[int, list[list[Any]]] = defaultdict(list)
    for call in facts.calls:
        status = "success" if call["status"] == "success" else "failed"
        members[call["join_id"]].append([call["id"], status, call["message"]])
    heard: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    finishes: Counter[int] = Counter()
    for number, said in facts.heard:
        if "join" in said:
            heard[said["join"]].append(said)
        finishes[number] += bool(said.get("finish"))
    runs = {run["id"]: run for run in facts.runs}
    for join in facts.joins:
        run = runs.get(join["run_id"], {"playbook": "", "status": ""})
        yield from _join(join, sorted(members[join["id"]]), heard[join["id"]], run)
    for run in facts.runs:
        least = run["status"] != "cancelled"
        if run["playbook"] == "chaos_parent" and not least <= finishes[run["id"]] <= 1:
            detail = f"called {finishes[run['id']]} times"
            yield _breach("on_finish not once", f"run {run['id']}", detail)


def _join(
    join: Row, rows: list[list[Any]], heard: list[Mapping[str, Any]], run: Row
) -> Iterator[Breach]:
    where = f"run {join['run_id']}, join {join['id']} ({join['name']})"
    if not join["delivered"]:
        yield _breach("callback never called", where, f"{join['remaining']} results missing")
        return
    if not (join["callback"] and run["playbook"].startswith("chaos_")):
        return
    if len(heard) != 1 and (heard[1:] or run["status"] != "cancelled"):
        yield _breach("callback not once", where, f"called {len(heard)} times")
    for said in heard:
        if "members" in said and said["members"] != rows:
            detail = f"heard {_set(said['members'])}, its rows are {_set(rows)}"
            yield _breach("wrong set", where, detail)


def _set(members: list[list[Any]]) -> str:
    shown = ", ".join(f"{number}={status}" for number, status, _ in members[:12])
    return f"{len(members)} [{shown}]"


def effects_happen_once(facts: Facts) -> Iterator[Breach]:
    """Every intended effect happened exactly once, or its call says that it is unknown."""
    numbers, calls = _numbers(facts), _writes(facts)
    contested = _contested(facts)
    wanted = {(kind, host) for host in contested for kind in ("contain", "release")}
    for alert in facts.alerts:
        if alert.source_id not in numbers:
            continue
        for key in _intended(facts, alert):
            if key not in wanted:
                wanted.add(key)
                needed = alert.source_id not in facts.cancelled
                yield from _wanted(facts, key, calls[key], needed=needed)
    for key in facts.effects.keys() | facts.requests.keys():
        if key not in wanted and facts.effects[key]:
            yield _breach("effect unasked", f"{key[0]} {key[1]}", f"{facts.effects[key]} times")


def _intended(facts: Facts, alert: Alert) -> Iterator[tuple[str, str]]:
    """Return what an alert is to effect; what was isolated for a time only is released."""
    contested = _contested(facts)
    for want in alert.wants:
        if want.kind == "contain" and want.target in contested:
            continue
        if want.kind != "contain" or alert.allowed:
            yield want.kind, want.target
        if (
            want.kind == "contain"
            and alert.fate in ENDING
            and facts.effects["contain", want.target]
        ):
            yield "release", want.target


def _contested(facts: Facts) -> dict[str, list[Alert]]:
    """Return the hosts that two alerts want isolated, one of them for a time only."""
    wanting: dict[str, list[Alert]] = defaultdict(list)
    for alert in facts.alerts:
        for want in alert.wants:
            if want.kind == "contain":
                wanting[want.target].append(alert)
    return {h: two for h, two in wanting.items() if two[1:] and any(a.fate for a in two)}


def _numbers(facts: Facts) -> dict[str, int]:
    """Return the container of each alert."""
    return {c["source_id"]: c["id"] for c in facts.containers}


def _cancelled(facts: Facts) -> dict[int, Cancel]:
    """Return the containers whose run was cancelled, and how."""
    numbers = _numbers(facts)
    return {numbers[source]: c for source, c in facts.cancelled.items() if source in numbers}


def _writes(facts: Facts, among: list[Row] | None = None) -> dict[tuple[str, str], list[Row]]:
    """Return the calls that write, by what they are to do."""
    calls: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for call in facts.calls if among is None else among:
        if call["action"] in WRITES:
            kind, parameter = WRITES[call["action"]]
            calls[kind, target_of(call["parameters"].get(parameter, ""))].append(call)
    return calls


def target_of(value: Any) -> str:
    """Return what a write acts on, as the lab names it."""
    return str(value).removeprefix("Phishing - ")


def _wanted(
    facts: Facts, key: tuple[str, str], calls: list[Row], *, needed: bool
) -> Iterator[Breach]:
    where, count = f"{key[0]} {key[1]}", facts.effects[key]
    said = _said(calls)
    unknown = any(c["effect"] == "unknown" for c in calls)
    if count > 1:
        yield _breach("effect doubled", where, f"{count} times; {said}")
    needed = needed or any(c["effect"] == "confirmed" for c in calls)
    if needed and not calls:
        yield _breach("intent lost", where, "no call was made for it")
    elif needed and count == 0 and not unknown and not any(map(_is_set_aside, calls)):
        yield _breach("effect missing", where, said)
    elif count == 1 and not unknown and not any(c["effect"] == "confirmed" for c in calls):
        yield _breach("effect denied", where, f"it happened, and the rows say: {said}")


def _is_set_aside(call: Row) -> bool:
    """Tell whether a call ended three workers, as far as anybody can know, and was not repeated."""
    return bool(call["status"] == "failed" and call.get("crashes", 0) >= ACCUSED)


def _said(calls: list[Row]) -> str:
    return ", ".join(
        f"call {c['id']}: {c['status']}, effect {c['effect']}, attempt {c['attempt']},"
        f" crashes {c.get('crashes', 0)}, {c['message']!r}"
        for c in calls
    )


def writes_are_not_repeated(facts: Facts) -> Iterator[Breach]:
    """No write is sent again, unless the vendor cut the first one off before it did anything."""
    hosts = _contested(facts)
    once = {key: facts.effects[key] if key[1] in hosts else 1 for key in facts.requests}
    again = {key: n - once[key] for key, n in facts.requests.items() if n > once[key]}
    for kind in sorted({key[0] for key in again}):
        mine = {target: n for (k, target), n in again.items() if k == kind}
        if sum(mine.values()) > facts.turned_away[kind]:
            calls = _writes(facts)
            for target, n in mine.items():
                at = sorted(facts.requested_at.get((kind, target), ()))
                gaps = ", ".join(f"{b - a:.2f} s later" for a, b in pairwise(at))
                detail = f"sent {n + 1} times ({gaps}); {_said(calls[kind, target])}"
                yield _breach("write repeated", f"{kind} {target}", detail)


def shared_effects_are_one(facts: Facts) -> Iterator[Breach]:
    """What two runs want is one effect: one call made it, the others name that call."""
    wanting = Counter(w.target for a in facts.alerts for w in a.wants if w.kind == "contain")
    calls, rows = _writes(facts), _isolations(facts)
    contested = _contested(facts)
    for target in (t for t, n in wanting.items() if n > 1 and t not in contested):
        mine, where = calls["contain", target], f"contain {target}"
        makers = {c["id"] for c in mine if c["effect"] == "confirmed"}
        for call in mine:
            shares = call["status"] == "success" and call["reused_from"] in makers
            if not (call["id"] in makers or shares or _is_set_aside(call)):
                yield _breach("effect not shared", where, _said([call]))
        standing = [row for row in rows[target.lower()] if row["status"] != "failed"]
        if makers and len(standing) != 1:
            yield _breach("effect not shared", where, f"the ledger has {len(standing)} rows")


def _isolations(facts: Facts) -> dict[str, list[Row]]:
    """Return the ledger's rows of isolations by their host, as the ledger spells it."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in facts.ledger:
        if row["action"] == "quarantine device":
            found[row["target"].partition("=")[2]].append(row)
    return found


def what_ends_is_taken_back_once(facts: Facts) -> Iterator[Breach]:
    """A lease that is over, and what somebody takes back, is released once and has ended."""
    calls, rows = _writes(facts), _isolations(facts)
    hosts = {w.target for a in facts.alerts if a.fate in ENDING for w in a.wants}
    for host in sorted(hosts - _contested(facts).keys()):
        where = f"contain {host}"
        if ("contain", host) in facts.stands:
            yield _breach("not taken back", where, _said(calls["release", host]) or "no undo")
        if any(not row["ended"] for row in rows[host.lower()]):
            yield _breach("not ended", where, "it stands in the ledger")
        done = [c for c in calls["release", host] if c["status"] == "success"]
        if len(done) > 1:
            yield _breach("taken back twice", where, _said(done))


def what_is_contested_adds_up(facts: Facts) -> Iterator[Breach]:
    """What one wants for a time and another one too stands as long as the longest wish."""
    calls, numbers = _writes(facts), _numbers(facts)
    for host, alerts in _contested(facts).items():
        mine, where = calls["contain", host], f"contain {host}"
        made, released = facts.effects["contain", host], facts.effects["release", host]
        stands, said = ("contain", host) in facts.stands, _said([*mine, *calls["release", host]])
        came = sum(a.source_id in numbers for a in alerts)
        if any(c["status"] != "success" and not _is_set_aside(c) for c in mine):
            yield _breach("effect not shared", where, said)
        told = [_confirmed(mine), _confirmed(calls["release", host])]
        if made > came or made - released != stands or [made, released] != told:
            detail = f"isolated {made} times, released {released} times; {said}"
            yield _breach("effects do not add up", where, detail)
        fates = {a.fate for a in alerts}
        if made and stands != (fates != {"lease"}) and "undo" not in fates:
            detail = f"it {'stands' if stands else 'does not stand'}; {said}"
            yield _breach("longest wish ignored", where, detail)


def _callers_of_the_cancelled(facts: Facts) -> set[int]:
    """Return the runs of which only a sub-playbook was cancelled."""
    numbers = _numbers(facts)
    found = {numbers.get(a.source_id) for a in facts.alerts if a.moment == "child"}
    return {r["id"] for r in facts.runs if r["container_id"] in found and r["parent"] is None}


def _confirmed(calls: list[Row]) -> int:
    return sum(call["effect"] == "confirmed" for call in calls)


def the_cancelled_do_nothing_more(facts: Facts) -> Iterator[Breach]:
    """Once a cancel is committed, its run asks for nothing more, and sends nothing."""
    cancelled = _cancelled(facts)
    goes_on = _callers_of_the_cancelled(facts)
    calls = [
        call
        for call in facts.calls
        if call["container_id"] in cancelled and call["run_id"] not in goes_on
    ]
    for call in calls:
        late = call["asked_at"] - cancelled[call["container_id"]].at
        if late > 0:
            yield _breach("asked after its cancel", f"call {call['id']}", f"{late:.2f} s later")
    for key, mine in _writes(facts, calls).items():
        cancel = cancelled[mine[0]["container_id"]]
        late = max(facts.requested_at.get(key, ()), default=0.0) - cancel.at
        if late > 0 and not any(call["id"] in cancel.sent for call in mine):
            detail = f"{late:.2f} s later; {_said(mine)}"
            yield _breach("sent after its cancel", f"{key[0]} {key[1]}", detail)


def the_vendors_agree(facts: Facts) -> Iterator[Breach]:
    """What is contained at the vendors stands in the ledger once, and nothing else does."""
    for said in facts.disagreements:
        yield _breach("vendor differs", "the last comparison", said)
    standing: Counter[tuple[str, str]] = Counter()
    doubted: set[tuple[str, str]] = set()
    for row in facts.ledger:
        if row["action"] in CONTAINMENTS and not row["ended"]:
            key = (WRITES[row["action"]][0], row["target"].partition("=")[2])
            standing[key] += row["status"] == "confirmed"
            if row["status"] == "unknown":
                doubted.add(key)
    stands = Counter({(kind, target.lower()): 1 for kind, target in facts.stands})
    for key in sorted({*standing, *stands} - doubted):
        if standing[key] != stands[key]:
            at_vendor = "stands" if stands[key] else "does not stand"
            detail = f"it {at_vendor} at its vendor, and {standing[key]} times in the ledger"
            yield _breach("vendor differs", f"{key[0]} {key[1]}", detail)


def nobody_acts_unasked(facts: Facts) -> Iterator[Breach]:
    """No high-impact effect without a person's answer, given before; one is enough if shared."""
    numbers = _numbers(facts)
    answers = {
        a["container_id"]: a
        for a in facts.approvals
        if a["status"] == "answered" and a["kind"] != "effect"
    }
    given: dict[str, list[Row]] = defaultdict(list)
    hosts = {w.target for a in facts.alerts for w in a.wants if w.kind == "contain"}
    for alert in facts.alerts:
        answer = answers.get(numbers.get(alert.source_id, 0))
        for want in alert.wants:
            if answer and alert.allowed:
                given[want.target].append(answer)
    for host in sorted(hosts & facts.contained_at.keys()):
        if not given[host]:
            yield _breach("acted without approval", host, "nobody allowed it")
        elif facts.contained_at[host] < min(answer["at"] for answer in given[host]):
            said = ", ".join(repr(answer["answer"]) for answer in given[host])
            yield _breach("acted before approval", host, f"answer {said}")


def nothing_is_left(facts: Facts) -> Iterator[Breach]:
    """No call, question or message waits for ever."""
    for call in facts.calls:
        if call["status"] not in ENDED:
            state = f"{call['status']} {call['parked_for'] or ''}".strip()
            detail = f"{call['action']} on {call['asset']} is {state}: {call['message']}"
            yield _breach("call left", f"run {call['run_id']}, call {call['id']}", detail)
    for approval in facts.approvals:
        if approval["status"] == "open":
            yield _breach("question left", f"approval {approval['id']}", approval["kind"])
    if facts.outbox:
        yield _breach("messages left", "outbox", f"{facts.outbox} messages were never sent")
    if facts.flights:
        yield _breach("flights left", "flight", f"{facts.flights} lookups were never landed")


def nothing_stands_still(facts: Facts) -> Iterator[Breach]:
    """What was lost is found in time, though another fault comes before that, on a busy machine."""
    for row in facts.still:
        if row["gap"] > STANDSTILL:
            where = f"container {row['container_id']}"
            detail = f"{row['gap']:.0f} s from {row['since']!r} to {row['until']!r}"
            yield _breach("stood still", where, detail)


def lanes_hold(facts: Facts, limit: int) -> Iterator[Breach]:
    """No window holds more calls of the limited asset than its limit."""
    arrivals = sorted(facts.limited)
    first = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - SECONDS:
            first += 1
        if last - first + 1 > limit:
            detail = f"{last - first + 1} calls within {SECONDS} s, limit {limit}"
            yield _breach("lane over its limit", f"call {last + 1} of the asset", detail)
            return


def few_are_at_once(facts: Facts) -> Iterator[Breach]:
    """No more calls than the asset allows are under way: each is, as long as the lab takes."""
    arrivals = sorted(facts.few)
    for first, nth in zip(arrivals, arrivals[FEW:], strict=False):
        if nth - first < FEW_SECONDS:
            detail = f"{FEW + 1} calls within {nth - first:.3f} s, each takes {FEW_SECONDS} s"
            yield _breach("too many at once", "asset few", detail)
            return


def the_ledger_agrees(facts: Facts) -> Iterator[Breach]:
    """What a call says of its effect stands in the ledger, once; nothing is left half way."""
    rows: dict[int, list[str]] = defaultdict(list)
    for row in facts.ledger:
        rows[row["app_run_id"]].append(row["status"])
        if row["status"] in ("planned", "claimed", "sent"):
            where = f"call {row['app_run_id']} ({row['action']})"
            yield _breach("effect left", where, row["status"])
    for call in facts.calls:
        said = rows[call["id"]].count(call["effect"])
        if call["effect"] in ("confirmed", "unknown") and said != 1:
            detail = f"effect {call['effect']}, ledger {rows[call['id']] or 'empty'}"
            yield _breach("ledger differs", f"call {call['id']} ({call['action']})", detail)


def _breach(what: str, where: str, detail: str) -> Breach:
    return Breach(what=what, where=where, detail=detail)
