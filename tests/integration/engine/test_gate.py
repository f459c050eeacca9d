"""
The gate: a high-impact call is made once a person has signed exactly that call, and never else.

In: runs that ask, people who answer, forged messages and edited rows. Out: nothing.
Never: a call to the vendor that no signed answer covers.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from soar import approvals
from soar.domain import gate
from soar.domain.errors import BadInput, Conflict, NotAllowed, NotFound
from soar.domain.model import Person
from soar.signing import Signer
from soar.store.work import Message

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import phantom.rules as phantom\n\n"
ISOLATE = IMPORT + (
    "def on_start(container):\n"
    "    phantom.act('isolate', parameters={'target': '10.0.0.5'}, callback='done')\n\n"
    "def done(action, success, container, results, handle):\n"
    "    phantom.comment(comment=results[0]['message'])\n"
)
ASK = IMPORT + (
    "def on_start(container):\n"
    "    phantom.prompt(user='soc_tier2', message='Isolate?', options=['Isolate', 'Leave'],\n"
    "                   name='ask', callback=answered)\n\n"
    "def answered(action, success, container, results, handle):\n"
    "    phantom.comment(comment=f\"answer: {results.get('response')}\")\n"
    "    if results.get('response') == 'Isolate':\n"
    "        phantom.act('isolate', parameters={'target': '10.0.0.5'}, callback='again')\n\n"
    "def again(action, success, container, results, handle):\n"
    "    phantom.comment(comment=results[0]['message'])\n"
)


def forged(bench: Bench, *, task: str = "soar.tasks.sham.isolate") -> Message:
    """Return the message that would make the newest call, as somebody in the broker may write."""
    row = bench.calls()[-1]
    return Message(
        kind="member",
        body={
            "app_run_id": row["id"],
            "task": task,
            "asset": row["asset"],
            "join_id": row["join_id"],
            "run_id": row["run_id"],
        },
    )


def refusal(bench: Bench) -> str:
    """Return why the newest call was refused; nothing was done at the vendor."""
    row = bench.calls()[-1]
    assert row["status"] == "failed", row["status"]
    assert not bench.vendor.done
    return str(row["message"])


def approve_unheard(bench: Bench) -> dict[str, Any]:
    """Approve the open question, but keep what it sends from every worker."""
    row = bench.answer(bench.questions()[0]["id"])
    bench.pending.clear()
    return row


def test_a_high_impact_call_waits_and_asks_even_where_the_playbook_does_not(bench: Bench) -> None:
    """
    The engine holds the call and asks the approvers what exactly it would do.
    """
    run_id = bench.play(ISOLATE)

    (row,) = bench.calls()
    (question,) = bench.questions()
    assert (row["status"], row["parked_for"], row["approval_id"]) == (
        "parked", "approval", question["id"],
    )  # fmt: skip
    assert (question["assignee"], question["options"]) == ("soc_tier2", ["Approve", "Deny"])
    assert question["payload"]["effects"]["Approve"][0]["parameters"] == {"target": "10.0.0.5"}
    assert "isolate on sham: target=10.0.0.5" in question["message"]
    assert question["payload_digest"] == gate.digest(question["payload"])
    assert bench.run(run_id)["status"] == "running"
    assert not bench.vendor.done


def test_an_approved_call_is_made_once(bench: Bench) -> None:
    """
    After a signed answer the call goes on, once, also when it is sent twice.
    """
    run_id = bench.play(ISOLATE)

    bench.answer(bench.questions()[0]["id"])
    bench.pending.extend(bench.pending)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}
    assert bench.notes() == ["done"]
    assert bench.run(run_id)["status"] == "success"
    (audit,) = bench.rows("select who, what from audit")
    assert (audit["who"], audit["what"]) == ("ada", "approval answered")


def test_a_forged_message_that_names_a_held_call_does_nothing(bench: Bench) -> None:
    """
    A message can only name a call, and a call that waits for a person cannot be claimed.
    """
    bench.play(ISOLATE)
    before = bench.calls()

    bench.deliver(forged(bench))

    assert bench.calls() == before
    assert not bench.vendor.done


def test_a_forged_message_of_another_task_does_nothing(bench: Bench) -> None:
    """
    A call cannot be made by another action's task, whose impact may be lower.
    """
    bench.play(ISOLATE)
    bench.do("update app_run set status = 'pending', parked_for = null")

    bench.deliver(forged(bench, task="soar.tasks.sham.block"))

    assert bench.calls()[0]["status"] == "pending"
    assert not bench.vendor.done


def test_a_call_that_does_not_exist_is_nobodys(bench: Bench) -> None:
    """
    A message that names no known call changes nothing.
    """
    bench.play(ISOLATE)
    message = forged(bench)

    bench.deliver(Message(kind="member", body={**message.body, "app_run_id": 10**12}))

    assert not bench.vendor.done


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("approval_id = null", "no person has approved it"),
        ("approval_id = approval_id", "its approval was not granted"),
        ("approval_id = 10000", "its approval is gone"),
    ],
)
def test_a_row_edited_to_pending_is_refused_at_the_last_hop(
    bench: Bench, edit: str, reason: str
) -> None:
    """
    Whoever can write the call's row still needs a person's signature.
    """
    bench.play(ISOLATE)
    bench.do(f"update app_run set status = 'pending', parked_for = null, {edit}")

    bench.deliver(forged(bench))

    assert refusal(bench) == f"isolate was refused: {reason}"


def test_an_approval_of_other_parameters_is_refused(bench: Bench) -> None:
    """
    An answer covers the parameters that were shown and no others.
    """
    bench.play(ISOLATE)
    approve_unheard(bench)
    bench.do("""update app_run set parameters = '{"target": "10.0.0.1"}'""")

    bench.deliver(forged(bench))

    assert "does not cover this action with these parameters" in refusal(bench)


def test_an_approval_of_another_run_is_refused(bench: Bench) -> None:
    """
    An answer covers the run that asked: an equal call of another run asks again.
    """
    bench.play(ISOLATE)
    granted = approve_unheard(bench)
    bench.play(ISOLATE)
    bench.do(
        "update app_run set status = 'pending', parked_for = null, approval_id = :id where id = 2",
        id=granted["id"],
    )

    bench.deliver(forged(bench))

    assert "does not cover" in refusal(bench)


def test_a_question_edited_after_it_was_answered_is_refused(bench: Bench) -> None:
    """
    The signature covers the digest of what was shown, so a changed question is found out.
    """
    bench.play(ISOLATE)
    approve_unheard(bench)
    other = '{"target": "10.0.0.1"}'
    bench.do("update app_run set parameters = cast(:p as jsonb)", p=other)
    bench.do(
        "update approval set payload ="
        " jsonb_set(payload, '{effects,Approve,0,parameters}', cast(:p as jsonb))",
        p=other,
    )

    bench.deliver(forged(bench))

    assert "was given for something else" in refusal(bench)


def test_an_answer_moved_to_another_question_is_refused(bench: Bench) -> None:
    """
    A signed answer belongs to its question, also where both ask word for word the same.
    """
    bench.play(ISOLATE)
    approve_unheard(bench)
    bench.do("update approval set payload = jsonb_set(payload, '{approval}', '\"other\"')")

    bench.deliver(forged(bench))

    assert "was given for something else" in refusal(bench)


def test_an_answer_by_an_unknown_key_is_refused(bench: Bench) -> None:
    """
    Only the installation's keys sign answers that count.
    """
    bench.play(ISOLATE)
    (question,) = bench.questions()
    stranger = Signer(Ed25519PrivateKey.generate())
    with bench.database.begin() as work:
        approvals.answer(
            work,
            question["id"],
            by=Person(username="ada", roles=("soc_tier2",)),
            choice="Approve",
            signer=stranger,
            channel="test",
            shown=question["payload_digest"],
        )

    bench.deliver_all()

    assert "signature of its approval is not valid" in refusal(bench)


def test_a_strangers_signature_under_a_known_key_id_is_refused(bench: Bench) -> None:
    """
    The name of a key is no proof of it.
    """
    bench.play(ISOLATE)
    granted = approve_unheard(bench)
    bench.do(
        "update approval set signature = :s",
        s=Signer(Ed25519PrivateKey.generate()).sign(granted["signed"]),
    )

    bench.deliver(forged(bench))

    assert "signature of its approval is not valid" in refusal(bench)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-4],
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: base64.b16encode(base64.b64decode(text)).decode(),
        lambda text: text.replace("=", ""),
        lambda text: base64.urlsafe_b64encode(base64.b64decode(text)).decode() + "=",
        lambda text: "",
        lambda text: "ä",
    ],
    ids=["cut", "newline", "blank", "hex", "unpadded", "longer", "empty", "no ascii"],
)
def test_a_cut_or_differently_written_signature_is_refused(bench: Bench, change: Any) -> None:
    """
    A signature has one form of writing.
    """
    bench.play(ISOLATE)
    granted = approve_unheard(bench)
    bench.do("update approval set signature = :s", s=change(granted["signature"]))

    bench.deliver(forged(bench))

    assert "signature of its approval is not valid" in refusal(bench)


def test_a_choice_edited_in_the_signed_answer_is_refused(bench: Bench) -> None:
    """
    "Deny" cannot be made "Approve" afterwards.
    """
    bench.play(ISOLATE)
    bench.answer(bench.questions()[0]["id"], "Deny")
    bench.pending.clear()
    bench.do(
        "update approval set answer = 'Approve', signed = signed || '{\"choice\": \"Approve\"}'"
    )
    bench.do("update app_run set status = 'pending', parked_for = null, end_time = null")

    bench.deliver(forged(bench))

    assert "signature of its approval is not valid" in refusal(bench)


def test_a_denial_does_not_cover_what_it_denied(bench: Bench) -> None:
    """
    The signed choice decides what is covered, not that something was signed.
    """
    bench.play(ISOLATE)
    bench.answer(bench.questions()[0]["id"], "Deny")
    bench.pending.clear()
    bench.do("update app_run set status = 'pending', parked_for = null, end_time = null")

    bench.deliver(forged(bench))

    assert "does not cover" in refusal(bench)


def test_a_grant_that_is_too_old_is_refused(bench: Bench) -> None:
    """
    An answer is good for as long as the settings say, then it must be asked again.
    """
    bench.play(ISOLATE)
    granted = approve_unheard(bench)
    long_ago = datetime.now(UTC) - timedelta(minutes=bench.settings.grant_minutes, seconds=1)
    signed = {**granted["signed"], "answered_at": long_ago.isoformat()}
    bench.do(
        "update approval set signed = cast(:signed as jsonb), signature = :signature",
        signed=json.dumps(signed),
        signature=bench.house.signer().sign(signed),
    )

    bench.deliver(forged(bench))

    assert "the approval is older than 60 minutes" in refusal(bench)


def test_a_denied_call_fails_with_the_reason(bench: Bench) -> None:
    """
    The playbook hears who denied and why, and the run goes on.
    """
    run_id = bench.play(ISOLATE)

    bench.answer(bench.questions()[0]["id"], "Deny", reason="it is the mail server")
    bench.deliver_all()

    assert refusal(bench) == "denied by ada: it is the mail server"
    assert bench.notes() == ["denied by ada: it is the mail server"]
    assert bench.run(run_id)["status"] == "success"


def test_a_question_that_nobody_answers_does_nothing(bench: Bench) -> None:
    """
    An overdue question is closed, its call fails, and its run goes on.
    """
    run_id = bench.play(ISOLATE)
    bench.do("update approval set due_at = now() - interval '1 second'")

    bench.sweep()
    bench.deliver_all()

    assert refusal(bench) == "nobody answered 'isolate' in time: nothing was done"
    assert bench.rows("select status from approval") == [{"status": "expired"}]
    assert bench.run(run_id)["status"] == "success"


def test_an_overdue_question_cannot_be_answered_even_before_the_sweep(bench: Bench) -> None:
    """
    The due time decides, not the moment at which somebody looks.
    """
    bench.play(ISOLATE)
    bench.do("update approval set due_at = now() - interval '1 second'")

    with pytest.raises(Conflict, match="nobody answered in time: nothing was done"):
        bench.answer(1)
    bench.deliver_all()

    assert bench.calls()[0]["status"] == "parked"
    assert not bench.vendor.done


def test_an_answer_is_given_once(bench: Bench) -> None:
    """
    The second answer hears who was first.
    """
    bench.play(ISOLATE)
    bench.answer(1, "Deny")

    with pytest.raises(Conflict, match="already decided: ada chose 'Deny' at"):
        bench.answer(1, "Approve")
    bench.deliver_all()

    assert not bench.vendor.done


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (Person(username="bob", roles=("soc_tier1",)), "is for 'soc_tier2'; bob has the roles"),
        (Person(username="bob", roles=()), "bob has the roles: none"),
        (
            Person(username="robot", roles=("soc_tier2",), kind="automation"),
            "robot is an automation user: a person must answer",
        ),
    ],
    ids=["another role", "no role", "a machine"],
)
def test_only_whom_the_question_is_for_answers(bench: Bench, person: Person, reason: str) -> None:
    """
    Another role, no role, and every machine are turned away.
    """
    bench.play(ISOLATE)

    with pytest.raises(NotAllowed, match=reason):
        bench.answer(1, by=person)

    assert len(bench.questions()) == 1


def test_a_person_who_is_named_answers_without_a_role(bench: Bench) -> None:
    """
    A question may be for one person.
    """
    bench.play(ASK.replace("user='soc_tier2'", "user='grace'"))

    bench.answer(1, "Leave", by=Person(username="grace", roles=()))

    assert bench.questions() == []


def test_who_answers_a_high_impact_question_shows_what_they_saw(bench: Bench) -> None:
    """
    Without the digest of what was shown, or with an old one, nothing is decided.
    """
    bench.play(ISOLATE)

    with pytest.raises(BadInput, match="payload_digest: is missing"):
        bench.answer(1, shown="")
    with pytest.raises(Conflict, match="has changed since it was shown"):
        bench.answer(1, shown="0" * 64)
    with pytest.raises(Conflict, match="has changed since it was shown"):
        bench.answer(1, shown="ä")

    assert len(bench.questions()) == 1


def test_a_choice_that_is_not_offered_is_refused(bench: Bench) -> None:
    """
    The sentence lists what can be chosen.
    """
    bench.play(ISOLATE)

    with pytest.raises(BadInput, match="choice: 'Maybe' is none of: Approve, Deny"):
        bench.answer(1, "Maybe")


def test_an_approval_that_does_not_exist_says_so(bench: Bench) -> None:
    """
    A number that is no question is a sentence.
    """
    with pytest.raises(NotFound, match="there is no approval 7"):
        bench.answer(7)


@pytest.mark.parametrize("reason", ["cut\x00off", "half \ud800 of a letter"])
def test_a_reason_that_cannot_be_stored_as_it_is_does_not_spoil_the_signature(
    bench: Bench, reason: str
) -> None:
    """
    What is signed is what is stored, so the approved call is made.
    """
    bench.play(ISOLATE)

    bench.answer(1, reason=reason)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


@pytest.mark.parametrize(
    "value", ["1e16", "-0.0", "float('nan')", "{'a', 'b'}", "'cut\\x00off'", "'\\ud800'", "{1: 2}"]
)
def test_parameters_in_any_form_are_approved_as_they_are_stored(bench: Bench, value: str) -> None:
    """
    A value that JSON writes in another way is shown, signed and checked in that way.
    """
    run_id = bench.play(ISOLATE.replace("'10.0.0.5'}", f"'10.0.0.5', 'note': {value}}}"))

    bench.answer(bench.questions()[0]["id"])
    bench.deliver_all()

    assert bench.calls()[0]["message"] == "done"
    assert bench.run(run_id)["status"] == "success"


def test_an_answered_prompt_covers_the_calls_it_showed(bench: Bench) -> None:
    """
    The prompt shows what each choice would do, so its answer is the permission: asked once.
    """
    run_id = bench.play(ASK)
    (question,) = bench.questions()
    shown = question["payload"]["effects"]
    assert [c["parameters"] for c in shown["Isolate"]] == [{"target": "10.0.0.5"}]
    assert shown["Leave"] == []

    bench.answer(question["id"], "isolate")
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}
    assert bench.questions() == []
    assert bench.run(run_id)["status"] == "success"


def test_another_choice_covers_nothing(bench: Bench) -> None:
    """
    "Leave" was shown with no effect, and has none.
    """
    run_id = bench.play(ASK)

    bench.answer(1, "Leave")
    bench.deliver_all()

    assert bench.calls() == []
    assert bench.notes() == ["answer: Leave"]
    assert bench.run(run_id)["status"] == "success"


AGAIN = "phantom.act('isolate', parameters={'target': '10.0.0.5'}, callback='last')"
LAST = "\ndef last(action, success, container, results, handle):\n    pass\n"


@pytest.mark.parametrize("mood", ["well", "later"], ids=["the first is done", "the first waits"])
def test_an_answer_covers_a_call_once(bench: Bench, mood: str) -> None:
    """
    A second call, equal to the one that was shown, is asked for anew, also while the first waits.
    """
    bench.vendor.moods[("isolate", "10.0.0.5")] = [mood]
    both = ASK.replace(
        "    if results.get('response') == 'Isolate':\n",
        "    phantom.act('look up', parameters={'target': '1'}, callback=later)\n"
        "    if results.get('response') == 'Isolate':\n",
    )
    both += f"\ndef later(action, success, container, results, handle):\n    {AGAIN}\n{LAST}"
    bench.play(both)

    bench.answer(1, "Isolate")
    isolating = [m for m in bench.pending if m.body.get("name")]
    bench.pending[:] = isolating
    while bench.pending:  # the contained call first, then what asks for it again
        bench.pending.sort(key=lambda m: "look_up" in m.body.get("task", ""))
        bench.deliver(bench.pending.pop(0))

    second = bench.calls()[-1]
    assert (second["action"], second["parked_for"]) == ("isolate", "approval")
    assert [q["kind"] for q in bench.questions()] == ["action"]


def test_an_answer_covers_each_action_it_showed(bench: Bench) -> None:
    """
    Two actions with equal parameters are two calls, and both were shown.
    """
    both = ASK.replace(
        "callback='again')\n\n",
        "callback='again')\n"
        "        phantom.act('disable', parameters={'target': '10.0.0.5'}, callback='again')\n\n",
        1,
    )
    bench.play(both)

    bench.answer(1, "Isolate")
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1, ("disable", "10.0.0.5"): 1}
    assert bench.questions() == []


def test_a_call_that_the_prompt_did_not_show_is_held(bench: Bench) -> None:
    """
    What a later block asks was not shown, so it is asked for by itself.
    """
    bench.play(ASK + f"    if success:\n        {AGAIN.replace('0.5', '0.6')}\n{LAST}")

    bench.answer(1, "Isolate")
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}
    (question,) = bench.questions()
    assert question["payload"]["effects"]["Approve"][0]["parameters"] == {"target": "10.0.0.6"}


@pytest.mark.parametrize("module", ["os", "urllib.request", "soar.connector", "requests"])
def test_a_playbook_that_could_act_by_itself_is_not_rehearsed(bench: Bench, module: str) -> None:
    """
    Its prompt shows no effects, so its calls are asked for one by one.
    """
    bench.play(f"import {module}\n" + ASK)
    assert bench.questions()[0]["payload"]["effects"] == {"Isolate": [], "Leave": []}

    bench.answer(1, "Isolate")
    bench.deliver_all()

    assert not bench.vendor.done
    assert [q["kind"] for q in bench.questions()] == ["action"]


def test_a_rehearsal_leaves_nothing_behind(bench: Bench) -> None:
    """
    What a callback writes while it is asked what it would do is not written.
    """
    bench.play(ASK)

    assert bench.notes() == []
    assert bench.calls() == []


def test_a_rehearsal_sees_what_the_asking_block_has_saved(bench: Bench) -> None:
    """
    A callback that reads run data of the block before it shows the effects it will have.
    """
    source = ASK.replace(
        "    phantom.prompt(", "    phantom.save_run_data('host', '10.0.0.9')\n    phantom.prompt("
    ).replace("{'target': '10.0.0.5'}", "{'target': phantom.get_run_data('host')}")
    bench.play(source)

    bench.answer(1, "Isolate")
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.9"): 1}


def test_a_prompt_that_nobody_answers_tells_its_callback(bench: Bench) -> None:
    """
    The callback hears that there was no answer, and nothing is contained.
    """
    run_id = bench.play(ASK)
    bench.do("update approval set due_at = now() - interval '1 second'")

    bench.sweep()
    bench.deliver_all()

    assert bench.notes() == ["answer: None"]
    assert bench.calls() == []
    assert bench.run(run_id)["status"] == "success"


def test_a_scheduled_high_impact_call_waits_for_the_person_and_then_for_its_time(
    bench: Bench,
) -> None:
    """
    An answer does not bring a start time forward.
    """
    bench.play(
        "from datetime import UTC, datetime, timedelta\n"
        + ISOLATE.replace(
            "callback='done')",
            "callback='done',\n        start_time=datetime.now(UTC) + timedelta(minutes=30))",
        )
    )
    bench.answer(1)
    bench.deliver_all()
    bench.sweep()
    bench.deliver_all()
    assert not bench.vendor.done

    bench.age()
    bench.sweep()
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_a_disabled_asset_is_not_used_although_the_call_was_approved(bench: Bench) -> None:
    """
    Who disables an asset while a question is open stops what was asked: it waits.
    """
    bench.play(ISOLATE)
    bench.do("update asset set disabled = true")

    bench.answer(1)
    bench.deliver_all()

    (row,) = bench.calls()
    assert (row["status"], row["message"]) == ("parked", "asset 'sham' is disabled")
    assert not bench.vendor.done
