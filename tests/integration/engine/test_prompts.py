"""
Prompts: several questions, answered at once by whom they are for, over every channel.

In: playbooks in Splunk's form, people with tokens, a real server. Out: nothing.
Never: a part of an answer that counts, or two answers.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from soar import report, timeline
from soar.domain import gate
from soar.domain.errors import BadInput, NotAllowed
from soar.domain.model import Person
from soar.signing import load_verifier
from tests.integration.rest.stage import Client, client_of, serving

if TYPE_CHECKING:
    from tests.integration.conftest import Soar
    from tests.integration.engine.conftest import Bench, Row

PEOPLE = 20
BEN = Person(username="ben", roles=("soc_tier1",))
TOLD = """
def told(action, success, container, results, handle):
    phantom.comment(comment=f"{success} {results[0]['status']} {results[0]['message']}")
    phantom.comment(comment=f"answers: {results[0]['summary']['responses']}")
    phantom.comment(comment=f"by {results.get('user')}: {results.get('response')}")
"""
THREE = (
    """import phantom.rules as phantom

def on_start(container):
    response_types = [
        {"prompt": "Block {0}?", "options": {"type": "list", "choices": ["Yes", "No"]}},
        {"prompt": "Why?", "options": {"type": "message", "required": True}},
        {"prompt": "How sure?", "options": {"type": "range", "min": 1, "max": 100}},
    ]
    phantom.prompt2(container=container, user="soc_tier2", message="About {0}: {1}",
                    respond_in_mins=30, name="ask", parameters=["10.0.0.5", ["a", "b"]],
                    response_types=response_types, callback=told)
"""
    + TOLD
)
ACTING = THREE.replace(
    'phantom.comment(comment=f"{success}',
    "phantom.act('isolate', parameters={'target': '10.0.0.5'})\n    phantom.comment("
    'comment=f"{success}',
)
SAID = ["yes", "it beacons", 80]
KEPT = ["Yes", "it beacons", 80]


def asking(to: str, *, before: str = "pass") -> str:
    """Return a playbook that asks one thing of somebody."""
    return (
        "import phantom.rules as phantom\n\n"
        f"def on_start(container):\n    {before}\n"
        f"    phantom.prompt2(container=container, {to}, message='Go on?', name='ask',\n"
        "        response_types=[{'prompt': 'Why?', 'options': {'type': 'message'}}],\n"
        "        callback=told)\n" + TOLD
    )


@pytest.fixture
def url(bench: Bench) -> Iterator[str]:
    """The address of a server on the bench's database."""
    with serving(bench.house) as address:
        yield address


@pytest.fixture
def ada(bench: Bench, url: str) -> Client:
    """Somebody who may answer."""
    return client_of(bench.house, url, "ada", "analyst", "soc_tier2")


def only(bench: Bench) -> Row:
    """Return the one approval there is."""
    (row,) = bench.rows("select * from approval")
    return row


def test_three_questions_are_shown_with_the_message_and_digested(bench: Bench) -> None:
    """
    What is signed for holds every question with what may be answered.
    """
    bench.play(THREE)

    row = only(bench)
    assert row["message"] == "About 10.0.0.5: a, b"
    assert [q["options"]["type"] for q in row["questions"]] == ["list", "message", "range"]
    assert row["payload"]["questions"] == row["questions"]
    assert row["payload_digest"] == gate.digest(row["payload"])
    assert (row["options"], row["payload"]["effects"]) == ([], {})


def test_three_questions_are_answered_at_once_over_rest(bench: Bench, ada: Client) -> None:
    """
    In Splunk's body; the callback reads each answer at its place, and the run goes on.
    """
    run_id = bench.play(THREE)
    path = f"/rest/approval/{only(bench)['id']}"
    assert [q["prompt"] for q in ada.get(path).json()["questions"]][1:] == ["Why?", "How sure?"]

    body = {"status": "approve", "type": "manual", "action": "prompt", "responses": SAID}
    answer = ada.post(path, body)
    bench.deliver_all()

    assert answer.status_code == 200, answer.text
    assert answer.json()["responses"] == KEPT
    assert ada.get(path).json()["responses"] == KEPT
    assert ada.get("/rest/approval").json()["data"][0]["responses"] == KEPT
    assert bench.notes() == [
        "True success About 10.0.0.5: a, b",
        "answers: ['Yes', 'it beacons', 80]",
        "by ada: Yes",
    ]
    assert bench.run(run_id)["status"] == "success"


def test_all_answers_are_signed_together(bench: Bench) -> None:
    """
    One signature covers every answer, in order: none can be changed without the others.
    """
    bench.play(THREE)

    row = bench.answer(only(bench)["id"], "", responses=SAID)

    assert bench.settings.verify_key_file is not None
    verifier = load_verifier(bench.settings.verify_key_file)
    assert row["signed"]["responses"] == KEPT
    assert verifier.verify(row["signed"], row["signature"], row["key_id"])
    changed = {**row["signed"], "responses": ["Yes", "it beacons", 8]}
    assert not verifier.verify(changed, row["signature"], row["key_id"])
    (audit,) = bench.rows("select detail from audit where what = 'approval answered'")
    assert audit["detail"]["responses"] == KEPT


def test_timeline_and_report_show_every_answer(bench: Bench) -> None:
    """
    Who reads the case later sees what was said to each question.
    """
    bench.play(THREE)
    bench.answer(only(bench)["id"], "", responses=SAID)
    bench.deliver_all()

    with bench.database.begin() as work:
        entries = timeline.of_container(work, 1).entries
        text = report.read(work, 1)
    (entry,) = [e for e in entries if e.kind == "prompt"]
    assert entry.detail == "1: Yes; 2: it beacons; 3: 80"
    assert 'Response: "1: Yes; 2: it beacons; 3: 80"' in text


def test_a_report_whose_message_is_lost_is_composed_by_whoever_reads_it(bench: Bench) -> None:
    """
    It says the same as the one that would have been written; then that one is kept.
    """
    bench.play(THREE)
    bench.answer(only(bench)["id"], "", responses=SAID)
    bench.deliver_all()  # all but the message of the report

    with bench.database.begin() as work:
        assert work.reads.report(1) is None
        read = report.read(work, 1)
        assert report.write(work, 1) == read
        assert work.reads.report(1) is not None
        assert report.read(work, 1) == read


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"responses": ["Yes"]}, "hold 1 answers, but 3 questions are asked"),
        ({"responses": ["Yes", "x", 5, "more"]}, "hold 4 answers, but 3 questions are asked"),
        ({"responses": []}, "are missing: 3 questions are asked"),
        ({"status": "approve"}, "are missing: 3 questions are asked"),
        ({"choice": "Yes"}, "are missing: 3 questions are asked"),
        ({"responses": "Yes"}, "must be a list, with one answer to each question"),
        ({"responses": ["Maybe", "x", 5]}, "answer 1 is 'Maybe', which is none of: Yes, No"),
        ({"responses": ["Yes", "", 5]}, "answer 2 is empty"),
        ({"responses": ["Yes", {"a": 1}, 5]}, "answer 2 must be a text or a number"),
        ({"responses": ["Yes", "x", "lots"]}, "answer 3 is 'lots', which is no whole number"),
        ({"responses": ["Yes", "x", 101]}, "no whole number from 1 to 100"),
        ({"responses": SAID, "status": "deny"}, "'deny' answers no question"),
        ({"responses": SAID, "choice": "Yes"}, "do not agree"),
    ],
)
def test_an_answer_that_is_not_whole_decides_nothing(
    bench: Bench, ada: Client, body: dict[str, Any], sentence: str
) -> None:
    """
    The refusal names the question, what was said and what is allowed; the prompt stays open.
    """
    bench.play(THREE)

    answer = ada.post(f"/rest/approval/{only(bench)['id']}", body)

    assert answer.status_code == 400
    assert sentence in answer.json()["message"]
    row = only(bench)
    assert (row["status"], row["responses"], row["signed"]) == ("open", [], {})


def test_three_questions_are_answered_on_the_command_line(
    bench: Bench, soar: Soar, ada: Client
) -> None:
    """
    --response once for each; a wrong number of them decides nothing.
    """
    bench.play(THREE)
    number = only(bench)["id"]
    shown = soar("approvals", number).stdout
    assert "Why?" in shown
    assert "a whole number, 1 to 100" in shown
    assert json.loads(soar("approvals", number, "--json").stdout)["questions"]
    assert "3 questions" in soar("approvals").stdout

    given = [f"--response={said}" for said in SAID]
    unattended = soar("approve", number, "--yes", "--json", SOAR_TOKEN=ada.token)
    few = soar("approve", number, *given[:2], "--yes", "--json", SOAR_TOKEN=ada.token)
    done = soar("approve", number, *given, "--yes", "--json", SOAR_TOKEN=ada.token)

    assert (unattended.exit_code, few.exit_code, done.exit_code) == (2, 2, 0)
    assert "give --response 3 times" in json.loads(unattended.stdout)["error"]
    assert "hold 2 answers, but 3" in json.loads(few.stdout)["error"]
    assert json.loads(done.stdout)["responses"] == KEPT
    assert "ada answered: 1: Yes; 2: it beacons; 3: 80" in soar("approvals", number).stdout


def test_a_terminal_is_asked_each_question_in_turn(
    bench: Bench, soar: Soar, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A choice may be given by its place; a wrong answer is asked again before the next question.
    """
    bench.play(THREE)
    monkeypatch.setattr("soar.cli.entry.interactive", lambda: True)
    typed = "maybe\n1\nit beacons\n500\n80\n"
    number = only(bench)["id"]

    declined = soar("approve", number, SOAR_TOKEN=ada.token, given=f"{typed}n\n")
    answered = soar("approve", number, SOAR_TOKEN=ada.token, given=f"{typed}y\n")

    assert (declined.exit_code, answered.exit_code) == (130, 0)
    assert "none of: Yes, No" in answered.output
    assert "no whole number from 1 to 100" in answered.output
    assert only(bench)["responses"] == KEPT


def test_questions_that_nobody_answers_fail_and_the_callback_hears_it(bench: Bench) -> None:
    """
    Status failed, no responses, and a sentence; the run itself goes on.
    """
    run_id = bench.play(THREE)
    bench.do("update approval set due_at = now() - interval '1 second'")

    bench.sweep()
    bench.deliver_all()

    assert bench.notes() == [
        "False failed nobody answered 'ask' in time: nothing was done",
        "answers: []",
        "by : None",
    ]
    (join,) = bench.rows("select status from action_run where kind = 'prompt'")
    assert join["status"] == "failed"
    assert bench.run(run_id)["status"] == "success"


def test_of_twenty_answers_at_once_one_counts_whole(bench: Bench, url: str) -> None:
    """
    All parts of the answer that counts are one person's.
    """
    bench.play(THREE)
    path = f"/rest/approval/{only(bench)['id']}"
    clients = [client_of(bench.house, url, f"p{n}", "soc_tier2") for n in range(PEOPLE)]
    together, codes = threading.Barrier(PEOPLE), [0] * PEOPLE

    def post(number: int) -> None:
        together.wait()
        said = {"responses": ["Yes", f"says p{number}", number + 1]}
        codes[number] = clients[number].post(path, said).status_code

    threads = [threading.Thread(target=post, args=(n,)) for n in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(codes) == {200: 1, 409: PEOPLE - 1}
    winner = codes.index(200)
    row = only(bench)
    assert row["answered_by"] == f"p{winner}"
    assert row["responses"] == ["Yes", f"says p{winner}", winner + 1]
    assert row["signed"]["responses"] == row["responses"]
    bench.deliver_all()
    assert len(bench.notes()) == 3


def test_answers_to_several_questions_permit_no_high_impact_call(bench: Bench) -> None:
    """
    They cannot be rehearsed for every answer, so what follows is held at a gate of its own.
    """
    bench.play(ACTING)
    bench.answer(only(bench)["id"], "", responses=SAID)
    bench.deliver_all()

    (call,) = bench.calls()
    (question,) = bench.questions()
    assert (call["status"], call["parked_for"]) == ("parked", "approval")
    assert (question["kind"], question["options"]) == ("action", ["Approve", "Deny"])
    assert not bench.vendor.done


def test_one_question_with_choices_still_covers_what_it_showed(bench: Bench) -> None:
    """
    Splunk's newer form of one list is rehearsed per choice, as the older form is.
    """
    bench.play(
        """import phantom.rules as phantom

def on_start(container):
    phantom.prompt2(user="soc_tier2", message="?", name="ask", callback=told, response_types=[
        {"prompt": "Isolate?", "options": {"type": "list", "choices": ["Yes", "No"]}}])

def told(action, success, container, results, handle):
    if results[0]["summary"]["responses"][0] == "Yes":
        phantom.act("isolate", parameters={"target": "10.0.0.5"})
"""
    )
    row = only(bench)
    assert row["payload"]["effects"]["Yes"][0]["action"] == "isolate"

    bench.answer(row["id"], "", responses=["yes"])
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_splunks_older_form_offers_the_choices_of_its_options(bench: Bench) -> None:
    """
    ``options={"type": "list", "choices": [...]}``.
    """
    bench.play(
        asking("user='soc_tier2'").replace(
            "response_types=[{'prompt': 'Why?', 'options': {'type': 'message'}}]",
            "options={'type': 'list', 'choices': ['Go', 'Stop']}",
        ).replace("prompt2", "prompt")
    )  # fmt: skip

    assert only(bench)["options"] == ["Go", "Stop"]


def test_any_of_several_addressees_answers_and_nobody_else(bench: Bench) -> None:
    """
    A list of users and roles; the first answer of any of them is the answer.
    """
    bench.play(asking("user=['soc_tier2', 'ann']"))
    row = only(bench)
    assert (row["assignee"], row["payload"]["assignees"]) == (
        "soc_tier2, ann",
        ["soc_tier2", "ann"],
    )

    with pytest.raises(NotAllowed, match="for 'soc_tier2, ann'"):
        bench.answer(row["id"], "x", by=BEN)
    with pytest.raises(NotAllowed):
        bench.answer(row["id"], "x", by=Person(username="eve", roles=("soc_tier2, ann",)))
    done = bench.answer(row["id"], "x", by=Person(username="ann", roles=()))

    assert done["answered_by"] == "ann"


@pytest.mark.parametrize(
    "to", ["user='Event owner'", "role='event owner'", "user=container.get('owner_name', None)"]
)
def test_a_prompt_goes_to_whoever_owns_the_container(bench: Bench, to: str) -> None:
    """
    The owner when the question is opened, by Splunk's name for it or as its editor writes it.
    """
    run_id = bench.start(asking(to))
    bench.do("update container set owner_name = 'olga'")
    bench.deliver_all()

    assert only(bench)["assignee"] == "olga"
    assert bench.run(run_id)["status"] == "running"
    assert bench.log() == []


def test_the_owner_is_the_one_that_the_asking_block_has_set(bench: Bench) -> None:
    """
    What a block asks for before its prompt holds for the prompt.
    """
    bench.do("insert into person (username) values ('olga')")
    bench.play(asking("user='event owner'", before="phantom.set_owner(container, 'olga')"))

    assert only(bench)["assignee"] == "olga"


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("user='event owner'", "the container is owned by no person"),
        ("user=container.get('owner_name', None), role=None", "it names nobody"),
    ],
)
def test_without_an_owner_the_approvers_are_asked_and_the_log_says_so(
    bench: Bench, to: str, why: str
) -> None:
    """
    A question never waits for nobody.
    """
    bench.play(asking(to))

    assert only(bench)["assignee"] == bench.settings.approvers
    assert bench.log() == [f"prompt 'ask' went to 'soc_tier2': {why}"]


def test_a_machine_that_owns_a_container_is_not_asked(bench: Bench) -> None:
    """
    It may not answer, so the approvers are asked instead.
    """
    with bench.database.begin() as work:
        work.people.save("bot", ["soc_tier2"], "automation")
    bench.play(asking("user='event owner'", before="phantom.set_owner(container, 'bot')"))

    assert only(bench)["assignee"] == "soc_tier2"
    assert "owned by no person" in bench.log()[0]


def test_a_prompt_goes_to_the_person_who_started_the_run(bench: Bench) -> None:
    """
    Splunk's "Playbook run owner".
    """
    with bench.database.begin() as work:
        work.people.save("ann", ["analyst"])
    bench.start(asking("user='Playbook run owner'"))
    bench.do("update playbook_run set run_as = 'ann'")
    bench.deliver_all()

    assert only(bench)["assignee"] == "ann"


@pytest.mark.parametrize("kind", ["automation", ""])
def test_a_run_that_no_person_started_has_no_owner_to_ask(bench: Bench, kind: str) -> None:
    """
    As in Splunk nothing is asked: the prompt fails, its callback runs, the log says why.
    """
    if kind:
        with bench.database.begin() as work:
            work.people.save("automation", ["soc_tier2"], kind)
    run_id = bench.play(asking("user='playbook run owner'"))

    assert bench.rows("select id from approval") == []
    sentence = "prompt 'ask' was not sent: the run was not started by a person"
    assert bench.log() == [sentence]
    assert bench.notes()[0] == f"False failed {sentence}"
    assert bench.run(run_id)["status"] == "success"


def test_a_datapath_in_a_message_is_shown_as_its_value(bench: Bench) -> None:
    """
    Nobody decides on the name of a value: what is asked has the value, and one that is missing
    says so.
    """
    source = asking("user='soc_tier2', parameters=['container:name', 'artifact:*.cef.url']")
    bench.play(source.replace("Go on?", "Go on with {0}, {1}?"))

    (row,) = bench.rows("select message from approval")
    assert row["message"] == "Go on with a case, ?"


def test_an_edited_question_is_not_what_was_asked(bench: Bench) -> None:
    """
    Answers are checked against what was digested, whatever another column says.
    """
    bench.play(THREE)
    bench.do("update approval set questions = '[]'")

    with pytest.raises(BadInput, match="3 questions are asked"):
        bench.answer(only(bench)["id"], "Yes")
