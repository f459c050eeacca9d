"""
The page of an approval: what it shows, who may decide on it, and what never decides.

In: a real server on loopback, people who have signed in, questions in a real database.
Out: an answer that is signed, or a page that says why there is none.
Never: a question that is decided by anything but its form.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from soar import blast, delegation
from soar.bootstrap import House
from soar.domain import gate
from soar.signing import load_verifier
from tests.integration.rest.stage import serving
from tests.integration.web.questions import (
    Case,
    ask,
    ask_again,
    at,
    case,
    isolate,
    looked_up,
    passed,
    row,
    run_sql,
)
from tests.integration.web.stage import Browser, hidden, person

Browsers = Callable[[], Browser]
SCRIPT = "<script>alert(1)</script>"
HIDING = "evil\u202egnp.exe"


def text_of(page: requests.Response) -> str:
    """Return the text of a page as somebody reads it."""
    plain = re.sub(r"<[^>]+>", " ", page.text)
    return re.sub(r"\s+", " ", plain)


def other(house: House, browser: Browsers, name: str, *roles: str) -> Browser:
    """Return the browser of somebody else."""
    opened = browser()
    opened.sign_in(person(house, name, *roles))
    return opened


def test_a_person_reads_what_is_asked_and_decides(house: House, mine: Browser, about: Case) -> None:
    """
    From the list to the page, from the form to an answer that is signed, and back to the page.
    """
    number = ask(house, about)
    listed = mine.get("/approvals")
    assert f'href="{at(house, number)}"' in listed.text
    shown = text_of(mine.get(at(house, number)))
    for said in (
        "quarantine device",
        "on asset crowdstrike_prod",
        "(crowdstrike 1.0.0)",
        "hostname WORKSTATION-042",
        "Phishing Triage, version 2.3",
        f"{about.container}: Reported mail",
        "14 min left",
        "soc_tier2 (ada)",
        "Nothing is done; the playbook hears that the action failed.",
    ):
        assert said in shown

    sent = mine.fill(at(house, number), choice=gate.APPROVE, reason="seen on the host")

    assert (sent.status_code, sent.headers["Location"]) == (303, at(house, number))
    kept = row(house, number)
    assert (kept["status"], kept["answer"], kept["answered_by"]) == ("answered", "Approve", "ada")
    assert (kept["signed"]["channel"], kept["reason"]) == ("web", "seen on the host")
    key_file = house.settings.verify_key_file
    assert key_file is not None
    verifier = load_verifier(key_file)
    assert verifier.verify(kept["signed"], kept["signature"], kept["key_id"])
    after = mine.get(at(house, number))
    assert "Already decided by ada at" in after.text
    assert 'name="choice"' not in after.text


def test_a_page_has_its_number_too(house: House, mine: Browser, about: Case) -> None:
    """
    As people say it; what is neither is not found.
    """
    number = ask(house, about)

    assert mine.get(f"/approvals/{number}").status_code == 200
    for name in ("999999", "abc", "%3Cscript%3E", "9" * 30, "٣"):
        missing = mine.get(f"/approvals/{name}")
        assert missing.status_code == 404
        assert "<script>" not in missing.text


def test_hostile_texts_stay_texts(house: House, mine: Browser) -> None:
    """
    Markup is shown as it is written, and what would hide or turn a text stands there as a number.
    """
    about = case(house, name=SCRIPT, **{f"field{SCRIPT}": HIDING})
    looked_up(house, about, 3, f"http://x/{SCRIPT}")
    call = replace(isolate(HIDING), parameters={"hostname": HIDING, SCRIPT: SCRIPT})
    number = ask(
        house,
        about,
        call,
        kind="prompt",
        options=[f"Do {SCRIPT}", 'say "no" onclick=x'],
        message=f"{SCRIPT}\n{HIDING}",
        name=SCRIPT,
    )
    ask(house, about, name=SCRIPT)

    for page in (mine.get(at(house, number)), mine.get("/approvals"), mine.get("/approvals/2")):
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "&lt;script&gt;" in page.text
        assert "\u202e" not in page.text
    assert "evil\\u202egnp.exe" in mine.get(at(house, number)).text
    answered = mine.fill(at(house, number), choice=f"Do {SCRIPT}")
    assert answered.status_code == 303
    assert row(house, number)["answer"] == f"Do {SCRIPT}"


def test_a_long_value_is_bounded_and_whole_on_demand(
    house: House, mine: Browser, about: Case
) -> None:
    """
    The front of it, and all of it behind a line that opens.
    """
    long = "x" * 5000
    number = ask(house, about, isolate(long))

    shown = mine.get(at(house, number)).text

    assert "(5000 characters: show all)" in shown
    assert f"<pre>{long}</pre>" in shown


def test_the_evidence_is_shown_with_its_verdicts(house: House, mine: Browser, about: Case) -> None:
    """
    What the run has learnt so far, what failed, and what the container holds.
    """
    looked_up(house, about, 14, "http://login.evil.example/")
    looked_up(house, about, 0, "http://fine.example/")
    looked_up(house, about, 0, "http://silent.example/", status="failed")
    number = ask(house, about)

    shown = text_of(mine.get(at(house, number)))

    assert "True Positive" in shown
    assert re.search(
        r"hxxp://login\[\.\]evil\[\.\]example/ 14/90 engines malicious malicious", shown
    )
    assert re.search(r"hxxp://fine\[\.\]example/ 0/90 engines malicious clean", shown)
    assert re.search(r"hxxp://silent\[\.\]example/ FAILED: .{0,60} failed", shown)
    assert "requestURL http://login.evil.example/" in shown


def test_the_blast_radius_is_shown(house: House, mine: Browser, about: Case) -> None:
    """
    How much of each limit is used, what is protected, and that a second approval will follow.
    """
    rule = {"kind": "protected", "pattern": "dc-*", "note": "domain controller"}
    with house.database.begin() as work:
        blast.add(work, rule, catalog=house.catalog, by="test")
    passed(house, about, 9)
    number = ask(house, about, isolate("DC-01"), isolate("WS-2"))

    shown = text_of(mine.get(at(house, number)))

    assert "2 actions on 2 targets" in shown
    assert "DC-01 is protected (domain controller)" in shown
    assert re.search(r"limit of quarantine device .* 9 in the last hour \+2 10 — full", shown)
    assert "a second approval will be asked for" in shown


def test_what_was_asked_before_is_compared(house: House, mine: Browser, about: Case) -> None:
    """
    The earlier question about the same action, how it ended, and what is not the same now.
    """
    before = ask(house, about, isolate("WORKSTATION-042"))
    mine.fill(at(house, before), choice=gate.DENY, reason="not yet")
    number = ask(house, about, isolate("WORKSTATION-043"))

    page = mine.get(at(house, number))

    shown = text_of(page)
    assert "Already decided by ada at" in shown
    assert re.search(
        r"Approve: quarantine device on crowdstrike_prod: hostname WORKSTATION-042 WORKSTATION-043",
        shown,
    )
    assert at(house, before) in page.text
    assert "Nothing was asked about this container before" in mine.get(at(house, before)).text


def test_a_question_that_has_changed_must_be_read_again(
    house: House, mine: Browser, about: Case
) -> None:
    """
    The form carries the digest of what was shown: another one decides nothing, and nor does none.
    """
    number = ask(house, about)
    form = hidden(mine.get(at(house, number)))

    changed = mine.post(
        at(house, number), {**form, "payload_digest": "0" * 64, "choice": "Approve", "reason": "r"}
    )
    without = mine.post(at(house, number), {"csrf": form["csrf"], "choice": "Approve"})

    assert changed.status_code == 409
    assert "has changed since it was shown: read it again" in changed.text
    assert "checked" not in changed.text
    assert without.status_code == 400
    assert row(house, number)["status"] == "open"


def test_a_question_whose_record_was_edited_has_no_form(
    house: House, mine: Browser, about: Case
) -> None:
    """
    Shown is what the row says now, and that it is not what was asked.
    """
    number = ask(house, about)
    form = hidden(mine.get(at(house, number)))
    run_sql(
        house,
        "update approval set payload = jsonb_set(payload, '{effects,Approve,0,parameters}',"
        ' \'{"hostname": "DC01"}\') where id = :id',
        id=number,
    )

    page = mine.get(at(house, number))

    assert "somebody has changed its record" in page.text
    assert 'name="choice"' not in page.text
    forged = {**form, "payload_digest": gate.digest(row(house, number)["payload"])}
    assert mine.post(at(house, number), {**forged, "choice": "Approve"}).status_code == 409
    assert row(house, number)["status"] == "open"


def test_the_late_one_reads_who_decided_what_and_when(
    house: House, mine: Browser, browser: Browsers, about: Case
) -> None:
    """
    Also if they had the page open before.
    """
    number = ask(house, about)
    late = other(house, browser, "bob", "soc_tier2")
    form = hidden(late.get(at(house, number)))
    mine.fill(at(house, number), choice=gate.DENY)

    answer = late.post(at(house, number), {**form, "choice": "Approve", "reason": "sure"})

    assert answer.status_code == 409
    assert re.search(
        r"already decided: ada chose &#39;Deny&#39; at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
        answer.text,
    )
    assert "Already decided by ada at" in answer.text
    kept = row(house, number)
    assert (kept["answer"], kept["answered_by"]) == ("Deny", "ada")


@pytest.mark.parametrize(
    ("status", "said"), [("expired", "Nobody answered"), ("cancelled", "Withdr")]
)
def test_a_question_that_is_over_says_why(
    house: House, mine: Browser, about: Case, status: str, said: str
) -> None:
    """
    Overdue or withdrawn: there is nothing to fill in.
    """
    number = ask(house, about)
    run_sql(
        house,
        "update approval set status = :status, close_time = now() where id = :id",
        id=number,
        status=status,
    )

    page = mine.get(at(house, number))

    assert said in page.text
    assert 'name="choice"' not in page.text


def test_an_overdue_question_has_no_form_before_the_sweep_has_seen_it(
    house: House, mine: Browser, about: Case
) -> None:
    """
    What counts is the time that was signed, whatever the row says.
    """
    number = ask(house, about, minutes=0)
    run_sql(
        house, "update approval set due_at = now() + interval '1 day' where id = :id", id=number
    )

    page = mine.get(at(house, number))

    assert "The time to answer is over" in page.text
    assert 'name="choice"' not in page.text


def test_the_wrong_person_sees_who_may_and_has_no_form(
    house: House, mine: Browser, browser: Browsers, about: Case
) -> None:
    """
    An administrator without the role, too; a form of their own making is refused.
    """
    number = ask(house, about)
    wrong = other(house, browser, "root", "admin")

    page = wrong.get(at(house, number))

    assert "This is not yours to answer" in page.text
    assert "soc_tier2</strong>: ada" in page.text
    assert 'name="choice"' not in page.text
    assert f'href="{at(house, number)}"' not in wrong.get("/approvals").text
    assert f'href="{at(house, number)}"' in wrong.get("/approvals?whose=all").text
    form = hidden(page) | {"payload_digest": row(house, number)["payload_digest"]}
    assert wrong.post(at(house, number), {**form, "choice": "Approve"}).status_code == 403
    assert row(house, number)["status"] == "open"


def test_who_stands_in_answers_in_both_names(
    house: House, browser: Browsers, ada: str, about: Case
) -> None:
    """
    They read for whom they answer before they do.
    """
    number = ask(house, about)
    deputy = other(house, browser, "bob")
    with house.database.begin() as work:
        delegation.give(work, giver="ada", taker="bob", lasts=timedelta(hours=1), by="ada")

    page = deputy.get(at(house, number))
    assert "You answer for <strong>ada</strong>" in page.text
    assert f'href="{at(house, number)}"' in deputy.get("/approvals").text
    deputy.fill(at(house, number), choice=gate.DENY)

    kept = row(house, number)
    assert (kept["answered_by"], kept["signed"]["for"]) == ("bob", "ada")


def test_an_automation_user_is_refused(house: House, mine: Browser, about: Case) -> None:
    """
    Somebody who has become a machine since they signed in has no form, and cannot make one.
    """
    number = ask(house, about)
    form = hidden(mine.get(at(house, number)))
    run_sql(house, "update person set kind = 'automation' where username = 'ada'")

    page = mine.get(at(house, number))
    sent = mine.post(at(house, number), {**form, "choice": "Approve"})

    assert 'name="choice"' not in page.text
    assert sent.status_code in (303, 403)  # the session itself may have ended with it
    assert row(house, number)["status"] == "open"


def test_a_second_approval_looks_different_and_demands_more(
    house: House, mine: Browser, about: Case
) -> None:
    """
    The target must be typed and a reason given; to deny it takes neither.
    """
    number = ask_again(house, about, isolate("DC01"), "protected from * on *: dc01")
    page = mine.get(at(house, number))
    assert '<article class="breaker">' in page.text
    assert "Second approval, beyond the usual" in page.text
    assert "protected from * on *: dc01" in page.text
    assert "second approval" in mine.get("/approvals").text

    for given in (
        {"reason": "sure"},
        {"reason": "sure", "confirm": "DC02"},
        {"reason": "sure", "confirm": "yes"},
        {"confirm": "DC01"},
        {"choice": "approve", "reason": "sure"},
    ):
        refused = mine.fill(at(house, number), **{"choice": gate.APPROVE, **given})
        assert refused.status_code == 400
        assert row(house, number)["status"] == "open"
    kept = mine.fill(at(house, number), choice=gate.APPROVE, reason="sure").text
    assert ">sure</textarea>" in kept

    assert mine.fill(
        at(house, number), choice=gate.APPROVE, reason="sure", confirm="DC01"
    ).is_redirect
    assert row(house, number)["answer"] == gate.APPROVE
    denied = ask_again(house, about, isolate("DC01"), "a rule")
    assert mine.fill(at(house, denied), choice=gate.DENY).is_redirect


def test_a_target_that_nobody_can_type_is_confirmed_by_a_tick(
    house: House, mine: Browser, about: Case
) -> None:
    """
    A name with other letters, or a long one.
    """
    number = ask_again(house, about, isolate("Д" * 3), "a rule")
    assert 'type="checkbox" name="confirm"' in mine.get(at(house, number)).text

    refused = mine.fill(at(house, number), choice=gate.APPROVE, reason="sure")
    approved = mine.fill(at(house, number), choice=gate.APPROVE, reason="sure", confirm="yes")

    assert (refused.status_code, approved.status_code) == (400, 303)


def test_of_twenty_answers_at_once_one_decides(house: House, mine: Browser, about: Case) -> None:
    """
    The others read that it is decided.
    """
    number = ask(house, about)
    form = hidden(mine.get(at(house, number)))
    start = threading.Barrier(20)

    def send(choice: str) -> int:
        start.wait()
        return requests.post(
            mine.url + at(house, number),
            data={**form, "choice": choice},
            cookies=mine.session.cookies.get_dict(),
            allow_redirects=False,
            timeout=60,
        ).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = Counter(pool.map(send, [gate.APPROVE, gate.DENY] * 10))

    assert statuses == {303: 1, 409: 19}
    with house.database.begin() as work:
        told = work.trail._all("select 1 from audit where what = 'approval answered'")
    assert len(told) == 1


HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Sec-Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch", "X-Moz": "prefetch"},
    {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST", "X-Method-Override": "POST"},
    {"Content-Type": "application/x-www-form-urlencoded"},
)


@pytest.mark.parametrize("verb", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
def test_only_a_post_decides(house: House, mine: Browser, about: Case, verb: str) -> None:
    """
    Whatever the address, the headers or the body say, and although the person is signed in.
    """
    number = ask(house, about)
    form = hidden(mine.get(at(house, number))) | {"choice": "Approve", "_method": "POST"}
    before = row(house, number)

    for headers in HEADERS:
        for more in ({"params": form}, {"params": form, "data": form}):
            answer = mine.session.request(
                verb,
                mine.url + at(house, number),
                headers=headers,
                allow_redirects=False,
                timeout=30,
                **more,
            )
            assert answer.status_code == (200 if verb in ("GET", "HEAD") else 405)

    assert row(house, number) == before


def test_a_post_without_session_or_token_decides_nothing(
    house: House, mine: Browser, browser: Browsers, about: Case
) -> None:
    """
    The address of a question only names it; and a token of another session is no token.
    """
    number = ask(house, about)
    form = hidden(mine.get(at(house, number))) | {"choice": "Approve"}
    stranger = browser()
    someone = other(house, browser, "bob", "soc_tier2")

    nobody = stranger.post(at(house, number), form)
    assert (nobody.status_code, nobody.headers["Location"].partition("?")[0]) == (303, "/login")
    assert stranger.get(at(house, number)).is_redirect
    without = {n: v for n, v in form.items() if n != "csrf"}
    assert mine.post(at(house, number), without).status_code == 403
    assert someone.post(at(house, number), form).status_code == 403
    crossed = mine.post(at(house, number), form, Origin="https://evil.example")
    assert crossed.status_code == 403

    assert row(house, number)["status"] == "open"


def test_a_question_in_words_is_answered_in_words(house: House, mine: Browser, about: Case) -> None:
    """
    A prompt without options, and one whose answer is empty.
    """
    number = ask(house, about, kind="prompt", options=[], message="Which host is it?")

    assert mine.fill(at(house, number), choice=" ").status_code == 400
    assert mine.fill(at(house, number), choice="the printer").is_redirect
    assert row(house, number)["answer"] == "the printer"


def test_a_choice_that_is_none_and_a_reason_too_long_are_refused(
    house: House, mine: Browser, about: Case
) -> None:
    """
    In a sentence, with the page.
    """
    number = ask(house, about)

    for given in ({}, {"choice": "Burn it"}, {"choice": "Approve", "reason": "x" * 5000}):
        refused = mine.fill(at(house, number), **given)
        assert refused.status_code == 400
        assert "Nothing was recorded" in refused.text

    assert row(house, number)["status"] == "open"


def test_a_server_without_a_key_says_so(
    house: House, ada: str, about: Case, tmp_path: Path
) -> None:
    """
    Nothing is recorded, and no path stands on the page.
    """
    number = ask(house, about)
    changed = house.settings.model_copy(update={"signing_key_file": tmp_path / "none"})
    with serving(replace(house, settings=changed)) as url:
        opened = Browser(url)
        opened.sign_in(ada)
        answer = opened.fill(at(house, number), choice="Approve")

    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
    assert row(house, number)["status"] == "open"


def test_pages_forbid_scripts_frames_and_caches(house: House, mine: Browser, about: Case) -> None:
    """
    And tell no other site where they are.
    """
    number = ask(house, about)

    for path in ("/approvals", at(house, number)):
        page = mine.get(path)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", page.text)


def test_a_link_to_a_question_leads_there_after_signing_in(
    house: House, ada: str, browser: Browsers, about: Case
) -> None:
    """
    It only names the question: who signs in with it sees it, and has decided nothing.
    """
    number = ask(house, about)
    opened = browser()

    sent = opened.get(at(house, number))
    inside = opened.sign_in(ada, path=sent.headers["Location"])

    assert inside.headers["Location"] == at(house, number)
    assert row(house, number)["status"] == "open"


def test_the_list_is_filtered_and_paged(house: House, mine: Browser, about: Case) -> None:
    """
    The most urgent first; each page goes on where the last one ended.
    """
    numbers = [ask(house, about, minutes=100 - n, name=f"act {n}") for n in range(30)]
    ask(house, about, minutes=1, to="somebody_else", name="not mine")
    addresses = [at(house, number) for number in reversed(numbers)]

    first = mine.get("/approvals")
    onward = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert onward is not None
    second = mine.get(onward[1].replace("&amp;", "&"))

    listed = re.findall(r'<td><a href="([^"]+)"', first.text)
    listed += re.findall(r'<td><a href="([^"]+)"', second.text)
    assert listed == addresses
    assert "30 open" in text_of(first)
    assert "not mine" in mine.get("/approvals?whose=all").text
    assert "act 7" in mine.get("/approvals?text=ACT+7&severity=high&kind=action").text
    for query in ("text=nothing", "severity=low", "kind=prompt"):
        assert "Nothing waits that matches" in text_of(mine.get(f"/approvals?{query}"))
    for query in ("after=x", "after=2024,x", "after=,", "kind=%27", "severity=%27", "whose=%27"):
        assert mine.get(f"/approvals?{query}").status_code == 200


def test_what_was_decided_stands_below(house: House, mine: Browser, about: Case) -> None:
    """
    The newest decisions, with who decided and what.
    """
    number = ask(house, about)
    mine.fill(at(house, number), choice=gate.DENY, reason="no")

    shown: Any = text_of(mine.get("/approvals"))

    assert "Recently decided" in shown
    assert re.search(r"Deny, by ada at \d{4}", shown)
