"""
The questions of a prompt: what an author may ask, and what answers it.

In: questions and answers of every kind, also wrong ones. Out: nothing. Never: a database.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.domain.errors import BadInput
from soar.domain.gate import canonical, payload
from soar.domain.questions import (
    LONGEST_ANSWER,
    LONGEST_TEXT,
    MOST_CHOICES,
    MOST_QUESTIONS,
    WIDEST,
    Question,
    answers,
    chosen,
    read,
    told,
)

YES_NO = {"prompt": "Block it?", "options": {"type": "list", "choices": ["Yes", "No"]}}
WHY = {"prompt": "Why?", "options": {"type": "message"}}
SURE = {"prompt": "How sure?", "options": {"type": "range", "min": 1, "max": 100}}

texts = st.text(min_size=1, max_size=40).filter(str.strip)
lists = st.builds(
    lambda prompt, choices, required: Question(
        prompt=prompt, kind="list", choices=tuple(choices), required=required
    ),
    st.text(max_size=40),
    st.lists(texts, min_size=1, max_size=8, unique=True),
    st.booleans(),
)
messages = st.builds(
    lambda prompt, required: Question(prompt=prompt, kind="message", required=required),
    st.text(max_size=40),
    st.booleans(),
)
ranges = st.builds(
    lambda prompt, low, wide: Question(prompt=prompt, kind="range", low=low, high=low + wide),
    st.text(max_size=40),
    st.integers(-(10**9), 10**9),
    st.integers(1, 10**9),
)
anything = st.one_of(lists, messages, ranges)


def asked(*questions: Any, options: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an approval that asks these questions."""
    return {"payload": {"questions": list(questions)}, "options": list(options)}


@given(st.lists(anything, max_size=6))
def test_what_is_stored_of_questions_is_read_as_the_same_questions(found: list[Question]) -> None:
    """
    The form that is shown and digested says everything that an answer is checked against.
    """
    shapes = [question.shape() for question in found]

    assert list(read(shapes)) == found
    assert canonical(shapes)


@given(anything, st.data())
def test_what_a_question_allows_answers_it_in_one_form(
    question: Question, data: st.DataObject
) -> None:
    """
    An answer in its one form is an answer to the same question again, and JSON keeps it.
    """
    said = data.draw(
        st.sampled_from(question.choices or ("x",))
        if question.kind == "list"
        else texts
        if question.kind == "message"
        else st.integers(question.low, question.high)
    )

    answer = question.answer(said)

    assert question.answer(answer) == answer
    assert question.answer(str(said)) == answer
    assert canonical([answer])


@given(ranges, st.one_of(st.integers(), st.floats(), st.text(max_size=20), st.booleans()))
def test_a_range_takes_whole_numbers_within_its_bounds_and_nothing_else(
    question: Question, said: Any
) -> None:
    """
    Whatever is said, what comes out is a number of the range, or a refusal.
    """
    try:
        answer = question.answer(said)
    except BadInput:
        return

    assert isinstance(answer, int)
    assert question.low <= answer <= question.high


@pytest.mark.parametrize("said", [7, 7.0, "7", " 7 ", "+7", "007"])
def test_a_number_may_be_written_as_people_and_json_write_it(said: Any) -> None:
    """
    All of them are the same number.
    """
    assert read([SURE])[0].answer(said) == 7


@pytest.mark.parametrize("said", [0, 101, 7.5, "7.5", "seven", "1e2", "٧", True, [], float("inf")])
def test_what_is_no_number_of_the_range_is_refused_with_the_range(said: Any) -> None:
    """
    The refusal names the question by its number and says what is allowed.
    """
    with pytest.raises(BadInput, match=r"^responses: answer 3 .* 1 to 100") as refused:
        read([SURE])[0].answer(said, 3)

    assert refused.value.field == "responses"


@pytest.mark.parametrize("said", [None, "", "  "])
def test_an_answer_may_be_empty_only_where_the_question_says_so(said: Any) -> None:
    """
    Splunk's ``required``: true where it is left out.
    """
    free = {"prompt": "Anything else?", "options": {"type": "message", "required": False}}

    assert read([free])[0].answer(said) == ""
    for question in read([YES_NO, WHY, SURE]):
        with pytest.raises(BadInput, match="answer 1 is empty; it must be"):
            question.answer(said)


@pytest.mark.parametrize(
    ("response_types", "sentence"),
    [
        ({"prompt": "x"}, "must be a list of questions"),
        ("list", "must be a list of questions"),
        (["Yes"], "question 1 must have prompt and options"),
        ([WHY, {"prompt": "x"}], "question 2 must have prompt and options"),
        ([{"options": {"type": "date"}}], "question 1 has the type 'date': it must be list, mess"),
        ([{"options": {}}], "has the type 'None'"),
        ([{"options": {"type": "list"}}], "question 1 is a list without choices"),
        ([{"options": {"type": "list", "choices": []}}], "is a list without choices"),
        ([{"options": {"type": "list", "choices": "Yes"}}], "is a list without choices"),
        ([{"options": {"type": "list", "choices": ["Yes", " "]}}], "has an empty choice"),
        ([{"options": {"type": "range", "min": 5, "max": 5}}], "its min must be below its max"),
        ([{"options": {"type": "range", "min": 9, "max": 1}}], "a range from 9 to 1"),
        ([{"options": {"type": "range", "min": 1}}], "min and max must be whole numbers"),
        ([{"options": {"type": "range", "min": 0.5, "max": 2}}], "must be whole numbers"),
        ([{"options": {"type": "range", "min": 0, "max": WIDEST * 10}}], "must be whole numbers"),
        ([WHY] * (MOST_QUESTIONS + 1), "holds 101 questions; a prompt may ask 100"),
        ([{**WHY, "prompt": "x" * (LONGEST_TEXT + 1)}], "has a text of 4,001 characters"),
        (
            [{"options": {"type": "list", "choices": list(range(MOST_CHOICES + 1))}}],
            "has 1,001 choices; it may have 1,000",
        ),
        ([{**WHY, "prompt": "x" * LONGEST_TEXT}] * 51, "holds 204,000 characters"),
    ],
)
def test_an_author_is_told_which_question_is_wrong_and_why(
    response_types: Any, sentence: str
) -> None:
    """
    One sentence with the field, the number of the question and what it must be.
    """
    with pytest.raises(BadInput, match=r"^response_types: ") as refused:
        read(response_types)

    assert sentence in str(refused.value)


def test_all_questions_are_answered_at_once_in_their_order() -> None:
    """
    Each answer is checked against its own question.
    """
    said = answers(asked(YES_NO, WHY, SURE), "", ["yes", "it beacons", "80"])

    assert said == ["Yes", "it beacons", 80]
    assert told(said) == "1: Yes; 2: it beacons; 3: 80"


@pytest.mark.parametrize(
    ("choice", "responses", "sentence"),
    [
        ("", None, "responses: are missing: 3 questions are asked; answer all of them at once"),
        ("", [], "responses: are missing: 3 questions"),
        ("Yes", None, "responses: are missing: 3 questions"),
        ("", ["Yes", "x"], "responses: hold 2 answers, but 3 questions are asked"),
        ("", ["Yes", "x", 5, 6], "responses: hold 4 answers, but 3 questions are asked"),
        ("Yes", ["Yes", "x", 5], "choice: and responses do not agree"),
        ("", ["Maybe", "x", 5], "responses: answer 1 is 'Maybe', which is none of: Yes, No"),
        ("", ["Yes", " ", 5], "responses: answer 2 is empty; it must be your words"),
        ("", ["Yes", ["x"], 5], "responses: answer 2 must be a text or a number: your words"),
        ("", ["Yes", "x", 500], "responses: answer 3 is '500', which is no whole number from 1"),
        ("", ["Yes", "x" * (LONGEST_ANSWER + 1), 5], "responses: answer 2 has 10,001 characters"),
    ],
)
def test_an_answer_that_is_not_complete_and_right_is_refused(
    choice: str, responses: list[Any] | None, sentence: str
) -> None:
    """
    The refusal names the question, what was said and what is allowed.
    """
    with pytest.raises(BadInput) as refused:
        answers(asked(YES_NO, WHY, SURE), choice, responses)

    assert sentence in str(refused.value)


def test_a_refusal_names_some_of_many_choices() -> None:
    """
    A thousand choices make no sentence.
    """
    many = {"prompt": "?", "options": {"type": "list", "choices": [f"c{n}" for n in range(999)]}}

    with pytest.raises(BadInput, match=r"c0, c1, .*c19, … \(999 in all\)$"):
        answers(asked(many), "no such", None)


def test_all_answers_together_have_a_bound() -> None:
    """
    A hundred long messages are more than a row should hold.
    """
    with pytest.raises(BadInput, match="may have 200,000"):
        answers(asked(*[WHY] * 21), "", ["x" * LONGEST_ANSWER] * 21)


@pytest.mark.parametrize(
    ("approval", "choice", "responses", "said"),
    [
        (asked(WHY), "because", None, ["because"]),
        (asked(SURE), "", ["7"], [7]),
        (asked(YES_NO, options=("Yes", "No")), "no", None, ["No"]),
        (asked(YES_NO, options=("Yes", "No")), "", ["no"], ["No"]),
        (asked(), "any words", [], ["any words"]),
        (asked(options=("Approve", "Deny")), "approve", None, ["Approve"]),
    ],
)
def test_one_question_is_answered_by_a_choice_or_by_one_response(
    approval: dict[str, Any], choice: str, responses: list[Any] | None, said: list[Any]
) -> None:
    """
    What there was before several questions stays as it was.
    """
    assert answers(approval, choice, responses) == said


def test_a_choice_is_taken_as_written_before_case_is_ignored() -> None:
    """
    Two choices may differ in case only.
    """
    assert chosen("YES", ["Yes", "YES"]) == "YES"
    assert chosen(" yes ", ["Yes", "YES"]) == "Yes"
    assert chosen("no", ["Yes"]) is None


def test_questions_and_further_people_are_part_of_what_is_asked_only_where_there_are_any() -> None:
    """
    What was asked before keeps its digest.
    """
    plain: dict[str, Any] = {
        "approval": "a", "run_id": 1, "container_id": 1, "assignee": "ann", "message": "?",
        "options": [], "effects": {}, "due": "",
    }  # fmt: skip

    assert not {"questions", "assignees"} & {*payload(**plain, assignees=("ann",))}
    asked_two = payload(**plain, questions=[WHY], assignees=("ann", "bob"))
    assert (asked_two["questions"], asked_two["assignees"]) == ([WHY], ["ann", "bob"])
