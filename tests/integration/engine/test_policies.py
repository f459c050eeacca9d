"""
Approval policies, from the question to the last hop: nobody's consent can be left out.

In: rules, people of several roles, edited rows. Out: nothing.
Never: a call to the vendor without everybody who must agree.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from soar import delegation, policy
from soar.domain.errors import BadInput, Conflict, NotAllowed
from soar.domain.model import Person
from soar.store.rows import Row, as_json
from tests.integration.engine.conftest import CATALOG
from tests.integration.engine.test_gate import ASK, IMPORT, ISOLATE, forged, refusal

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

BEN = Person(username="ben", roles=("soc_tier2",))
LEA = Person(username="lea", roles=("soc_lead",))
EVE = Person(username="eve", roles=("visitor",))
BLOCK = IMPORT + (
    "def on_start(container):\n    phantom.act('block', parameters={'target': '192.0.2.9'}%s)\n"
)


def rule(bench: Bench, needs: str, **fields: Any) -> int:
    """Add a policy."""
    with bench.database.begin() as work:
        raw = {"needs": needs, **fields}
        return int(policy.add(work, raw, catalog=CATALOG, by="a test")["id"])


def asked(bench: Bench) -> Row:
    """Return the only open question."""
    (question,) = bench.rows("select * from approval where status = 'open'")
    return question


def test_two_of_a_role_must_agree_and_the_first_consent_moves_nothing(bench: Bench) -> None:
    """
    The call goes on with the second one; both ballots are kept, signed, on the audit trail.
    """
    rule(bench, "2 of soc_tier2", action="isolate")
    bench.play(ISOLATE)
    question = asked(bench)
    assert question["assignee"] == "2 of soc_tier2"

    first = bench.answer(question["id"])
    assert (first["status"], first["missing"]) == ("open", ["2 of soc_tier2"])
    assert bench.answer(question["id"])["missing"] == ["2 of soc_tier2"]  # Ada again
    bench.deliver_all()
    assert not bench.vendor.done

    second = bench.answer(question["id"], by=BEN)
    assert (second["status"], second["missing"]) == ("answered", [])
    bench.deliver_all()
    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}
    trail = [(r["who"], r["what"]) for r in bench.rows("select who, what from audit order by id")]
    assert trail[1:] == [
        ("ada", "ballot given"),
        ("ada", "ballot given"),
        ("ben", "approval answered"),
    ]


def test_two_different_roles_must_agree_and_others_may_not_answer(bench: Bench) -> None:
    """
    A second analyst is no lead; a visitor is nobody.
    """
    rule(bench, "soc_tier2 and soc_lead", asset="sham")
    bench.play(ISOLATE)
    number = asked(bench)["id"]
    bench.answer(number)

    assert bench.answer(number, by=BEN)["missing"] == ["soc_tier2 and soc_lead"]
    with pytest.raises(NotAllowed, match="is for 'soc_tier2 and soc_lead'; eve has"):
        bench.answer(number, by=EVE)
    bench.answer(number, by=LEA)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_one_no_of_somebody_who_may_answer_ends_it(bench: Bench) -> None:
    """
    Consent takes all, refusal one; a late consent does nothing.
    """
    rule(bench, "2 of soc_tier2")
    bench.play(ISOLATE)
    number = asked(bench)["id"]
    bench.answer(number)
    bench.answer(number, "Deny", by=BEN)
    bench.deliver_all()

    assert bench.calls()[-1]["message"] == "denied by ben"
    with pytest.raises(Conflict, match="already decided: ben chose 'Deny'"):
        bench.answer(number, by=Person(username="dora", roles=("soc_tier2",)))
    assert not bench.vendor.done


def test_who_changes_their_mind_is_counted_once_for_the_newest_choice(bench: Bench) -> None:
    """
    A prompt whose first choice needs two: one who leaves it takes their consent away.
    """
    rule(bench, "2 of soc_tier2", action="isolate")
    bench.play(ASK)
    number = asked(bench)["id"]
    assert asked(bench)["payload"]["policy"].keys() == {"Isolate"}
    bench.answer(number, "Isolate")
    done = bench.answer(number, "Leave")
    bench.deliver_all()

    assert (done["status"], done["answer"]) == ("answered", "Leave")
    assert bench.notes() == ["answer: Leave"]


def test_a_prompt_that_leads_to_a_governed_call_asks_for_its_consent(bench: Bench) -> None:
    """
    Both agree at the prompt, and the call is not asked for again.
    """
    rule(bench, "soc_tier2 and soc_lead", action="isolate")
    bench.play(ASK)
    number = asked(bench)["id"]
    assert bench.answer(number, "Isolate")["missing"] == ["soc_tier2 and soc_lead"]
    bench.answer(number, "Isolate", by=LEA)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}
    assert len(bench.rows("select 1 from approval")) == 1


def forge_decision(bench: Bench) -> None:
    """Write into the tables that the one ballot there is decides, and ring for the call."""
    bench.do(
        "update approval a set status = 'answered', answer = b.choice, answered_by = b.person,"
        " signed = b.signed, signature = b.signature, key_id = b.key_id, close_time = now()"
        " from ballot b where b.approval_id = a.id and b.person = 'ada'"
    )
    bench.do("update app_run set status = 'pending', parked_for = null")
    bench.deliver(forged(bench))


def test_one_ballot_of_two_is_refused_at_the_last_hop_whatever_the_row_says(bench: Bench) -> None:
    """
    Who can write every row still cannot write the second signature.
    """
    rule(bench, "2 of soc_tier2")
    bench.play(ISOLATE)
    bench.answer(asked(bench)["id"])

    forge_decision(bench)

    assert "lacks the consent of 2 of soc_tier2" in refusal(bench)


@pytest.mark.parametrize(
    "forgery",
    [
        "insert into ballot select approval_id, 'ben', choice, signed, signature, key_id"
        " from ballot",
        "insert into ballot select approval_id, 'ben', choice,"
        " jsonb_set(signed, '{by}', '\"ben\"'), signature, key_id from ballot",
    ],
    ids=["copied", "renamed"],
)
def test_a_copied_ballot_is_no_second_consent(bench: Bench, forgery: str) -> None:
    """
    Neither under another name in the row, nor in what was signed.
    """
    rule(bench, "2 of soc_tier2")
    bench.play(ISOLATE)
    bench.answer(asked(bench)["id"])
    bench.do(forgery)

    forge_decision(bench)

    assert "lacks the consent of 2 of soc_tier2" in refusal(bench)


def test_a_policy_taken_out_of_the_question_is_found_out(bench: Bench) -> None:
    """
    What was asked, its terms included, is what was signed.
    """
    rule(bench, "2 of soc_tier2")
    bench.play(ISOLATE)
    bench.answer(asked(bench)["id"])
    bench.do("update approval set payload = payload - 'policy'")
    bench.do("delete from policy")

    forge_decision(bench)

    assert "was given for something else" in refusal(bench)


def test_a_policy_that_became_stricter_after_the_answer_counts(bench: Bench) -> None:
    """
    The last hop reads the policies as they are when the call is made, and asks again.
    """
    bench.play(ISOLATE)
    bench.answer(asked(bench)["id"])
    rule(bench, "soc_tier2 and soc_lead")
    bench.deliver_all()

    assert not bench.vendor.done
    assert asked(bench)["assignee"] == "soc_tier2 and soc_lead"
    assert "Asked again: the policy in force needs more" in asked(bench)["message"]


def test_a_policy_of_other_hours_counts_by_the_time_of_the_question(bench: Bench) -> None:
    """
    What was asked and answered at five to six is not refused at six.
    """
    bench.play(ISOLATE)
    bench.answer(asked(bench)["id"])
    half = "00:00-12:00" if datetime.now(UTC).hour < 12 else "12:00-24:00"
    rule(bench, "soc_lead", hours=f"mon-sun {half} UTC")
    bench.do("update approval set create_time = create_time - interval '12 hours'")
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_an_answer_signed_by_somebody_the_question_was_not_for_is_refused(bench: Bench) -> None:
    """
    By the door, whatever the row says beside what is signed; and by the last hop, had the door
    not looked.
    """
    bench.play(ISOLATE)
    bench.do("update approval set assignee = 'visitor'")
    with pytest.raises(NotAllowed):
        bench.answer(asked(bench)["id"], by=EVE)
    row, signer = bench.answer(asked(bench)["id"]), bench.house.signer()
    bench.pending.clear()
    bench.do("delete from ballot")
    signed = {**row["signed"], "by": "eve", "roles": ["visitor"]}
    bench.do(
        "update approval set signed = cast(:signed as jsonb), signature = :signature",
        signed=as_json(signed),
        signature=signer.sign(signed),
    )
    bench.deliver(forged(bench))

    assert "lacks the consent of soc_tier2" in refusal(bench)


def test_whoever_started_the_run_or_wrote_its_playbook_may_not_agree(bench: Bench) -> None:
    """
    Nor may somebody who stands in for them, or for whom they stand in.
    """
    rule(bench, "soc_tier2")
    run_id = bench.start(ISOLATE)
    bench.do("update playbook_run set started_by = 'ada' where id = :id", id=run_id)
    bench.do("update playbook set author = 'ben'")
    bench.do("insert into person (username, roles) values ('ada', '{soc_tier2}'), ('cy', '{}')")
    bench.deliver_all()
    with bench.database.begin() as work:
        delegation.give(work, giver="ada", taker="cy", lasts=timedelta(hours=1), by="a test")
    number = asked(bench)["id"]

    for person in (None, BEN, Person(username="cy", roles=())):
        with pytest.raises(NotAllowed):
            bench.answer(number, **({"by": person} if person else {}))
    bench.answer(number, by=Person(username="dora", roles=("soc_tier2",)))
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_a_reviewer_must_agree_to_what_needs_nobody_otherwise(bench: Bench) -> None:
    """
    Splunk's ``reviewer=``: one of the users or roles that it names.
    """
    bench.play(BLOCK % ", reviewer='ben, soc_lead'")
    number = asked(bench)["id"]
    assert asked(bench)["assignee"] == "ben|soc_lead"
    with pytest.raises(NotAllowed):
        bench.answer(number)
    bench.answer(number, by=LEA)
    bench.deliver_all()

    assert bench.vendor.done == {("block", "192.0.2.9"): 1}


def test_a_reviewer_does_not_stand_in_for_the_approvers(bench: Bench) -> None:
    """
    A high-impact call needs both; one person may be both.
    """
    source = ISOLATE.replace("callback='done')", "callback='done', reviewer='eve')")
    bench.play(source)
    number = asked(bench)["id"]

    assert bench.answer(number, by=EVE)["missing"] == ["soc_tier2"]
    bench.answer(number)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_a_policy_asks_for_consent_where_the_manifest_does_not(bench: Bench) -> None:
    """
    And the worker refuses such a call that comes without.
    """
    rule(bench, "soc_lead", action="block")
    bench.play(BLOCK % "")
    assert bench.calls()[-1]["parked_for"] == "approval"
    bench.do("update app_run set status = 'pending', parked_for = null, approval_id = null")

    bench.deliver(forged(bench, task="soar.tasks.sham.block"))

    assert "no person has approved it" in refusal(bench)


def test_where_a_fresh_sign_in_is_asked_for_an_old_one_is_refused(bench: Bench) -> None:
    """
    The person is told to sign in again; nothing was recorded.
    """
    rule(bench, "soc_tier2", fresh=5)
    bench.play(ISOLATE)
    number = asked(bench)["id"]
    for since in (None, datetime.now(UTC) - timedelta(minutes=6)):
        with pytest.raises(NotAllowed, match="signed in within the last 5 minutes"):
            bench.answer(number, signed_in=since)
    bench.answer(number, signed_in=datetime.now(UTC) - timedelta(minutes=1))
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_who_is_on_call_may_answer_as_long_as_they_are(bench: Bench) -> None:
    """
    A policy names the team; the shift says who that is.
    """
    rule(bench, "@soc")
    bench.play(ISOLATE)
    number = asked(bench)["id"]
    with pytest.raises(NotAllowed):
        bench.answer(number, by=EVE)
    bench.do("insert into person (username, roles) values ('eve', '{visitor}')")
    now = datetime.now(UTC)
    with bench.database.begin() as work:
        policy.put_on_call(
            work, team="soc", person="eve", begins=now, ends=now + timedelta(hours=8), by="a test"
        )
    bench.answer(number, by=EVE)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"needs": "none"}, "needs"),
        ({"needs": "none", "action": "isolate"}, "needs"),
        ({"needs": "soc_lead", "action": "look up"}, "action"),
        ({"needs": "soc_lead", "action": "fly"}, "action"),
        ({"needs": "soc_lead", "asset": "moon"}, "asset"),
        ({"needs": "soc_lead", "severity": "worst"}, "severity"),
        ({"needs": "soc_lead", "colour": "red"}, "colour"),
    ],
)
def test_a_policy_about_nothing_or_one_that_frees_is_refused(
    bench: Bench, fields: dict[str, str], field: str
) -> None:
    """
    With its field named, when it is written.
    """
    with pytest.raises(BadInput) as refused:
        rule(bench, **fields)
    assert refused.value.field == field
    assert not bench.rows("select 1 from policy")


def test_beyond_the_usual_the_second_question_asks_on_the_same_terms(bench: Bench) -> None:
    """
    Two people for the call, and two for going beyond.
    """
    rule(bench, "2 of soc_tier2", action="isolate")
    bench.do("insert into blast_rule (kind, pattern) values ('protected', '10.0.0.5')")
    bench.play(ISOLATE)
    for _ in range(2):
        number = asked(bench)["id"]
        bench.answer(number)
        bench.deliver_all()
        assert not bench.vendor.done
        bench.answer(number, by=BEN)
        bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_an_effect_nobody_knows_is_repeated_on_the_same_terms_only(bench: Bench) -> None:
    """
    "Do it again" needs two; that it happened, one may tell.
    """
    rule(bench, "2 of soc_tier2", action="isolate")
    bench.play(ISOLATE)
    number = asked(bench)["id"]
    bench.answer(number)
    bench.answer(number, by=BEN)
    bench.pending.clear()
    bench.do(
        "update app_run set status = 'parked', parked_for = 'approval', approval_id = null,"
        " effect = 'unknown'"
    )
    bench.do(
        "insert into effect (asset, action, target, intent, status, app_run_id, run_id,"
        " container_id) select asset, action, target, 'standing', 'unknown', id, run_id,"
        " container_id from app_run"
    )
    bench.sweep()
    question = asked(bench)
    assert question["payload"]["policy"].keys() == {"Do it again"}
    assert bench.answer(question["id"], "Do it again")["missing"] == ["2 of soc_tier2"]
    bench.answer(question["id"], "Do it again", by=BEN)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_a_block_that_raises_the_severity_is_asked_on_the_terms_of_the_new_one(
    bench: Bench,
) -> None:
    """
    Else nobody would be asked for what the last hop then demands.
    """
    rule(bench, "soc_lead", severity="critical")
    bench.play(
        ISOLATE.replace(
            "    phantom.act(", "    phantom.set_severity(container, 'critical')\n    phantom.act("
        )
    )
    assert asked(bench)["assignee"] == "soc_lead"
    bench.answer(asked(bench)["id"], by=LEA)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}
