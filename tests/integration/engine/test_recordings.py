"""
A run of the real engine is recorded, and replayed in memory: the same, edited, and cut short.

In: playbooks on the bench, the seed's among them. Out: nothing.
Never: a recording that answers what nobody asked, or that tells a secret.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from soar import recorder, testing
from soar.bootstrap import House
from soar.catalog import AppSpec, Catalog, FieldSpec
from soar.connector import Output, Params
from soar.domain.errors import Conflict
from soar.testing import room
from soar.testing.debugging import debug
from soar.testing.replaying import complete
from tests.conftest import SEED
from tests.integration.engine import conftest
from tests.integration.engine.conftest import CATALOG, Bench, Vendor, _action, _room

Document = dict[str, Any]
PASSWORD = "correct-horse-battery"
ASKING = """
import phantom.rules as phantom

LIMIT = 2

def on_start(container):
    rows = phantom.collect2(datapath=["artifact:*.cef.sourceAddress", "artifact:*.id"])
    phantom.debug("looking at %s rows" % len(rows))
    phantom.act("look up", parameters=[{"target": row[0]} for row in rows], name="first",
                callback=decide)

def decide(action, success, container, results, handle):
    users = phantom.collect2(datapath=["artifact:*.cef.mail", "artifact:*.cef.password"])
    phantom.comment(comment="%s wrote, known as %s" % (users[0][0], users[0][0].split("@")[0]))
    if len(results) >= LIMIT:
        phantom.prompt(container, user="soc_tier2", message="Isolate?", name="ask",
                       options=["Yes", "No"], callback=answered, handle={"why": "two"})
    else:
        phantom.set_severity(container, "low")

def answered(action, success, container, results, handle):
    phantom.playbook("child", name="kid", inputs={"who": results.get("response")}, callback=last)

def last(action, success, container, results, handle):
    gave = phantom.collect2(datapath=["kid:playbook_output:gave"])
    phantom.custom_function("local/double", parameters=[{"n": 2}], name="twice", callback=counted)
    phantom.comment(comment="the child gave %s" % gave)

def counted(action, success, container, results, handle):
    phantom.comment(comment="twice is %s" % results[0]["data"])
    phantom.set_status(container, "closed")

def on_finish(container, summary):
    phantom.comment(comment="done")
"""
CHILD = """
import phantom.rules as phantom

def on_start(container):
    phantom.save_playbook_output_data({"gave": phantom.collect2(
        datapath=["playbook_input:who"])})
"""


def recorded(bench: Bench, run_id: int, *, whole: bool = False) -> Document:
    """Return the recording of a run."""
    with bench.database.begin() as work:
        document, source = recorder.record(work, run_id, bench.engine.catalog, whole=whole)
    return complete(json.loads(json.dumps(document)), source)


def begun(bench: Bench, source: str, *cefs: Document, **others: str) -> int:
    """Queue a run on a container with these artifacts."""
    run_id = bench.start(source, **others)
    for cef in cefs:
        bench.do(
            "insert into artifact (container_id, source_id, name, cef)"
            " select container_id, gen_random_uuid()::text, 'a', cast(:cef as jsonb)"
            " from playbook_run where id = :run",
            cef=json.dumps(cef),
            run=run_id,
        )
    return run_id


@pytest.fixture
def asked(bench: Bench) -> int:
    """A run of everything that can be asked, played to its end."""
    with bench.database.begin() as work:
        work.functions.save(
            repo="local", name="double", source="def double(n=None, **kwargs):\n    return n * 2\n"
        )
    run_id = begun(
        bench,
        ASKING,
        {"sourceAddress": "192.0.2.1", "mail": "grace.h@corp.example", "password": PASSWORD},
        {"sourceAddress": "192.0.2.2", "note": f"the password: {PASSWORD}"},
        child=CHILD,
    )
    bench.settle()
    assert bench.run(run_id)["status"] == "success"
    return run_id


def test_the_same_playbook_makes_no_difference(bench: Bench, asked: int) -> None:
    """
    Acts, a prompt, another playbook, a custom function and on_finish: all as they were heard.
    """
    found = recorded(bench, asked)

    assert found["unlike"] == []
    assert [a["kind"] for a in found["answers"]] == ["act", "prompt", "playbook", "custom_function"]
    assert [b["block"] for b in found["blocks"]] == [
        "on_start", "decide", "answered", "last", "counted", "on_finish",
    ]  # fmt: skip
    difference = testing.replay(found, ASKING)
    assert not difference
    assert difference.changes == ()


def test_the_container_is_recorded_as_the_run_found_it(bench: Bench, asked: int) -> None:
    """
    What the run itself has changed is not what it began with.
    """
    found = recorded(bench, asked)

    assert bench.rows("select status from container") == [{"status": "closed"}]
    assert (found["container"]["status"], found["container_as"]) == ("new", "begun")
    assert found["end"]["container"]["status"] == "closed"
    bench.do("delete from run_state")
    again = recorded(bench, asked)
    assert (again["container"]["status"], again["container_as"]) == ("closed", "now")
    assert "not when it began" in testing.replay(again, ASKING).notes[0]


def test_no_secret_and_no_person_stands_in_a_recording(bench: Bench, asked: int) -> None:
    """
    Equal values have equal pseudonyms, so what is taken apart in a block is found again.
    """
    found = recorded(bench, asked)
    text = json.dumps(found)

    assert PASSWORD not in text
    assert "grace.h" not in text
    assert [a["cef"].get("password") for a in found["container"]["artifacts"]] == ["secret-1", None]
    assert found["container"]["artifacts"][1]["cef"]["note"] == "the password: secret-1"
    said = [c["content"] for b in found["blocks"] for c in b["commands"] if c["do"] == "comment"]
    assert said[0] == "person-1@corp.example wrote, known as person-1"
    whole = json.dumps(recorded(bench, asked, whole=True))
    assert PASSWORD in whole
    assert "grace.h" in whole


def test_an_edited_threshold_differs_in_what_follows_from_it_only(bench: Bench, asked: int) -> None:
    """
    The prompt and all after it are gone; the severity is another.
    """
    difference = testing.replay(recorded(bench, asked), ASKING.replace("LIMIT = 2", "LIMIT = 3"))

    assert [(c.what, c.of, c.event) for c in difference.changes] == [
        ("gone", "command", "after act 'first'"),
        ("added", "command", "after act 'first'"),
        ("gone", "block", "after prompt 'ask'"),
        ("gone", "command", "after prompt 'ask'"),
        ("gone", "block", "after playbook 'kid'"),
        ("gone", "command", "after playbook 'kid'"),
        ("gone", "command", "after playbook 'kid'"),
        ("gone", "block", "after custom function 'twice'"),
        ("gone", "command", "after custom function 'twice'"),
        ("gone", "command", "after custom function 'twice'"),
        ("changed", "container", ""),
        ("changed", "container", ""),
    ]
    fields = {c.said: (c.then, c.now) for c in difference.of("container")}
    assert fields == {"status": ("closed", "new"), "severity": ("high", "low")}


def test_another_name_of_a_function_is_no_difference(bench: Bench, asked: int) -> None:
    """
    It is said which function is called what now.
    """
    difference = testing.replay(recorded(bench, asked), ASKING.replace("decide", "weigh"))

    assert not difference
    assert difference.renamed == {"decide": "weigh"}


def test_what_was_never_recorded_is_a_difference_and_has_failed(bench: Bench, asked: int) -> None:
    """
    A transcript answers it; the change of its parameters is said in one line.
    """
    edited = ASKING.replace('{"target": row[0]}', '{"target": row[0] + "9"}').replace(
        'comment="%s wrote', 'comment=str(success) + " %s wrote'
    )
    found = recorded(bench, asked)
    difference = testing.replay(found, edited)

    (command,) = [c for c in difference.of("command") if c.said == "act look up calls"]
    assert command.what == "changed"
    assert [c["parameters"] for c in command.now] == [
        {"target": "192.0.2.19"}, {"target": "192.0.2.29"},
    ]  # fmt: skip
    assert [c.said for c in difference.of("answer")] == [
        'never recorded: first: look up on sham with {"target": "192.0.2.19"}',
        'never recorded: first: look up on sham with {"target": "192.0.2.29"}',
    ]
    comments = [c for c in difference.of("command") if c.said.startswith("comment")]
    assert comments[-1].now.startswith("False ")
    answered = testing.replay(found, edited, transcript={"look up": {"summary": {"a": 1}}})
    comments = [c for c in answered.of("command") if c.said.startswith("comment")]
    assert comments[-1].now.startswith("True ")


def test_a_run_that_still_waits_is_replayed_as_far_as_it_came(bench: Bench) -> None:
    """
    What stands open stands open in the replay; a run that has not begun is refused.
    """
    run_id = begun(bench, ASKING, {"sourceAddress": "192.0.2.1", "mail": "a@b.example"},
                   {"sourceAddress": "192.0.2.2"}, child=CHILD)  # fmt: skip
    with pytest.raises(Conflict, match="has not begun"):
        recorded(bench, run_id)
    bench.deliver_all()
    found = recorded(bench, run_id)

    assert found["standing"] == [{"kind": "prompt", "name": "ask"}]
    assert [b["block"] for b in found["blocks"]] == ["on_start", "decide"]
    assert not testing.replay(found, ASKING)
    assert testing.replay(found, ASKING.replace('name="ask"', 'name="other"'))


def test_a_cancelled_run_heard_nothing_of_its_end(bench: Bench) -> None:
    """
    Cancelling closes what is open; the run was not told.
    """
    from soar.cancellation import cancel

    run_id = begun(bench, ASKING, {"sourceAddress": "192.0.2.1", "mail": "a@b.example"},
                   {"sourceAddress": "192.0.2.2"}, child=CHILD)  # fmt: skip
    bench.deliver_all()
    with bench.database.begin() as work:
        cancel(work, run_id, by="ada", reason="")

    found = recorded(bench, run_id)
    assert [a["name"] for a in found["answers"]] == ["first"]
    assert found["standing"] == [{"kind": "prompt", "name": "ask"}]


def test_answers_come_in_the_order_in_which_the_run_heard_them(bench: Bench) -> None:
    """
    Also where the last one asked has ended first.
    """
    source = """
import phantom.rules as phantom

def on_start(container):
    for name in ("one", "two"):
        phantom.act("look up", parameters=[{"target": name}], name=name, callback=heard)

def heard(action, success, container, results, handle):
    phantom.save_run_data("heard", phantom.get_run_data("heard") + action["name"])
    phantom.comment(comment=phantom.get_run_data("heard"))
"""
    run_id = bench.start(source)
    bench.deliver(bench.pending.pop(0))
    bench.pending.reverse()
    bench.deliver_all()

    found = recorded(bench, run_id)
    said = [c["content"] for b in found["blocks"] for c in b["commands"] if c["do"] == "comment"]
    assert said == ["two", "twoone"]


def test_acts_that_were_asked_together_are_heard_together(bench: Bench) -> None:
    """
    Each result has the name of its act; one that is asked otherwise alone has failed.
    """
    source = """
import phantom.rules as phantom

def on_start(container):
    phantom.act_together([
        {"action": "look up", "parameters": [{"target": "a"}], "name": "one"},
        {"action": "shout", "parameters": [{"target": "b"}], "name": "two"},
    ], name="both", callback=heard)

def heard(action, success, container, results, handle):
    phantom.comment(comment=str([(r["name"], r["status"]) for r in results]))
    phantom.comment(comment=str(phantom.collect2(datapath=["two:action_result.summary.target"])))
"""
    run_id = bench.play(source)
    found = recorded(bench, run_id)
    assert found["unlike"] == []
    assert bench.notes() == ["[('one', 'success'), ('two', 'success')]", "[['b']]"]
    assert not testing.replay(found, source)

    difference = testing.replay(found, source.replace('"b"', '"c"'))
    first = difference.of("command")[-2]
    assert (first.then, first.now) == (bench.notes()[0], "[('one', 'success'), ('two', 'failed')]")


def test_an_artifact_that_came_while_the_run_went_on_comes_then(bench: Bench) -> None:
    """
    Not before: the first block did not see it.
    """
    source = """
import phantom.rules as phantom

def on_start(container):
    count(None, True, container, [], None)
    phantom.act("look up", parameters=[{"target": "t"}], name="one", callback=count)

def count(action, success, container, results, handle):
    phantom.comment(comment=str(len(phantom.collect2(datapath=["artifact:*.id"]))))
"""
    run_id = begun(bench, source, {"sourceAddress": "192.0.2.1"})
    bench.deliver(bench.pending.pop(0))
    bench.do(
        "insert into artifact (container_id, source_id, name)"
        " select container_id, 'late', 'late' from playbook_run where id = :run",
        run=run_id,
    )
    bench.deliver_all()

    found = recorded(bench, run_id)
    said = [c["content"] for b in found["blocks"] for c in b["commands"] if c["do"] == "comment"]
    assert said == ["1", "2"]
    assert bench.notes() == ["1", "2"]


def test_a_run_can_be_debugged_with_what_it_was_answered(bench: Bench, asked: int) -> None:
    """
    A choice that is given goes before the one that was recorded; what follows is made up.
    """
    found = debug({"playbook": "tested", "source": ASKING, "recording": recorded(bench, asked)})
    assert [a["from"] for a in found["answers"]] == ["recorded"] * 4
    assert found["ends"]["status"] == "closed"

    other = debug({"playbook": "tested", "source": ASKING, "recording": recorded(bench, asked),
                   "choices": {"ask": "No"}})  # fmt: skip
    (call,) = [c for b in other["blocks"] for c in b["commands"] if c["do"] == "playbook"]
    assert call["inputs"] == {"who": "No"}


# The seed.


@dataclass
class Reputation(Vendor):
    """A vendor that answers a lookup with a summary."""

    summaries: dict[str, Document] = field(default_factory=dict)

    def answer(self, action_name: str, params: Params) -> Output:
        """Answer with what it thinks."""
        found = super().answer(action_name, params)
        summary = {**found.summary, **self.summaries.get(action_name, {})}
        return replace(found, summary=summary, data=({"summary": summary},))


def _seeds() -> Iterator[Any]:
    for name, kind, parameter, contains in (
        ("url reputation", "investigate", "url", "url"),
        ("file reputation", "investigate", "hash", "hash"),
        ("ip reputation", "investigate", "ip", "ip"),
        ("domain reputation", "investigate", "domain", "domain"),
        ("geolocate ip", "investigate", "ip", "ip"),
        ("whois ip", "investigate", "ip", "ip"),
        ("block url", "correct", "url", "url"),
        ("block ip", "correct", "ip", "ip"),
        ("create ticket", "generic", "short_description", ""),
    ):
        spec = _action(name, name.replace(" ", "_"), kind)
        typed = (contains,) if contains else ()
        only = FieldSpec(name=parameter, required=True, contains=typed)
        yield replace(spec, parameters=(only,))


@pytest.fixture
def seeded(house: House, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose vendors offer what the seed's playbooks ask for."""
    app: AppSpec = replace(CATALOG.apps[0], actions=tuple(_seeds()))
    monkeypatch.setattr(conftest, "CATALOG", Catalog(apps=(app,)))
    vendor = Reputation(summaries={"url reputation": {"malicious": 4, "total_engines": 70},
                                   "ip reputation": {"malicious": 9, "suspicious": 1}})  # fmt: skip
    monkeypatch.setitem(sys.modules, "soar.tasks.sham.actions", _room(vendor))
    bench = Bench(house=house, empty=lambda: None, vendor=vendor)
    with bench.database.begin() as work:
        for name in ("virustotal", "palo_alto", "servicenow", "crowdstrike", "maxmind", "whois"):
            work.assets.save(slug=f"{name}_prod", app="sham", configuration={})
    return bench


def seed(name: str) -> str:
    """Return a file of the seed as it stands."""
    return (SEED / name).read_text(encoding="utf-8")


@pytest.mark.seed
@pytest.mark.skipif(not SEED.is_dir(), reason="seed folder is absent")
def test_a_threshold_of_the_seeds_triage_is_edited(seeded: Bench) -> None:
    """
    The same text: no difference. From more than 5 engines to more than 3: the case is not
    promoted, the URL is blocked and a ticket made, and nobody has recorded what these answer.
    """
    source = seed("phishing_triage.py")
    run_id = begun(seeded, source, {"type": "url", "requestURL": "http://evil.example/x"},
                   {"type": "ip", "sourceAddress": "203.0.113.66"})  # fmt: skip
    seeded.settle()
    found = recorded(seeded, run_id)

    assert found["unlike"] == []
    assert not testing.replay(found, source)
    difference = testing.replay(found, source.replace("malicious_count > 5", "malicious_count > 3"))
    said = [(c.what, c.said.partition(" on ")[0]) for c in difference.of("command")]
    assert said == [
        ("changed", "comment content"),
        (
            "gone",
            "update container container_type=case, kind=case, template=Phishing Investigation",
        ),
        ("added", "act block url"),
        ("added", "update container severity=high"),
        ("added", "update container status=open"),
        ("added", "act create ticket"),
    ]
    assert "template=Phishing Investigation" in said[1][1]
    assert len(difference.of("answer")) == 2
    assert difference.of("block") == []


@pytest.mark.seed
@pytest.mark.skipif(not SEED.is_dir(), reason="seed folder is absent")
def test_the_callback_that_the_seeds_enrichment_lacks_is_written(seeded: Bench) -> None:
    """
    The run has failed for it, and its recording says the same; written, the error is gone.
    """
    source = seed("alert_enrichment.py")
    run_id = begun(seeded, source, {"sourceAddress": "203.0.113.66",
                                    "destinationDnsDomain": "evil.example"})  # fmt: skip
    seeded.settle()
    found = recorded(seeded, run_id)

    assert found["unlike"] == []
    assert "geoip_callback" in found["run"]["error"]
    assert not testing.replay(found, source)
    written = (
        source + "\ndef geoip_callback(action, success, container, results, handle):\n    pass\n"
    )
    assert [str(c).partition(":")[0] for c in testing.replay(found, written).changes] == [
        "error gone"
    ]


@pytest.mark.seed
@pytest.mark.skipif(not SEED.is_dir(), reason="seed folder is absent")
def test_a_process_of_its_own_says_the_same(seeded: Bench) -> None:
    """
    The room has no setting and no key, and answers as the function does.
    """
    source = seed("alert_enrichment.py")
    run_id = begun(seeded, source, {"sourceAddress": "203.0.113.66"})
    seeded.settle()
    with seeded.database.begin() as work:
        document, text = recorder.record(work, run_id, seeded.engine.catalog)

    found = room.ask("complete", {"recording": document, "source": text})
    assert found == recorded(seeded, run_id)
    answer = room.ask("replay", {"recording": document, "then": text, "source": text})
    assert (answer["same"], answer["changes"]) == (True, [])
