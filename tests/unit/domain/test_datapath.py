"""
What the texts mean that playbooks write where a value stands.

In: texts. Out: datapaths, and sentences. Never: an exception that is not a sentence.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.domain.datapath import LONGEST, Kind, Malformed, find, parse, plain

FORMS = [
    ("artifact:*.cef.sourceAddress", Kind.ARTIFACT, "", "", "cef.sourceAddress"),
    ("artifact:*.cef.internet message id", Kind.ARTIFACT, "", "", "cef.internet message id"),
    ("artifact:*", Kind.ARTIFACT, "", "", ""),
    ("artifacts:*", Kind.ARTIFACT, "", "", ""),
    ("artifacts:*.id", Kind.ARTIFACT, "", "", "id"),
    ("who:action_result.data.*.a.*.b", Kind.ACTION, "who", "", "data.*.a.*.b"),
    ("who is:action_result.status", Kind.ACTION, "who is", "", "status"),
    ("ask:action_result.summary.responses.0", Kind.ACTION, "ask", "", "summary.responses.0"),
    ("who:action_result", Kind.ACTION, "who", "", ""),
    ("who:action_result.*", Kind.ACTION, "who", "", "*"),
    ("action_result.parameter.ip", Kind.ACTION, "", "", "parameter.ip"),
    ("who:filtered-action_result.data.*.x", Kind.ACTION, "who", "", "data.*.x"),
    ("cf:custom_function_result.data.*.x", Kind.FUNCTION, "cf", "", "data.*.x"),
    ("cf:custom_function_result.success", Kind.FUNCTION, "cf", "", "success"),
    ("code:custom_function:out", Kind.OUTPUT, "code", "", "out"),
    ("code:custom_function:out.*.name", Kind.OUTPUT, "code", "", "out.*.name"),
    ("text:formatted_data", Kind.FORMAT, "text", "", ""),
    ("text:formatted_data.*", Kind.FORMAT, "text", "", "*"),
    ("playbook_input:domain", Kind.INPUT, "", "", "domain"),
    ("pb:playbook_input:user", Kind.INPUT, "pb", "", "user"),
    ("who:summary.total", Kind.ACTION, "who", "", "summary.total"),
    ("pb:playbook_output:report", Kind.CHILD, "pb", "", "report"),
    ("pb:playbook_output:report.sub", Kind.CHILD, "pb", "", "report.sub"),
    ("container:name", Kind.CONTAINER, "", "", "name"),
    ("finding:risk_score", Kind.CONTAINER, "", "", "risk_score"),
    ("playbook:launching_user.name", Kind.RUN, "", "", "launching_user.name"),
    ("who:artifact:*.id", Kind.CONTEXT, "who", "", "id"),
    ("filtered-data:f:c:artifact:*.id", Kind.ARTIFACT, "", "f:c", "id"),
    ("filtered-data:f:c:who:action_result.data.*.x", Kind.ACTION, "who", "f:c", "data.*.x"),
    ("filtered-data:f:c:cf:custom_function_result.data", Kind.FUNCTION, "cf", "f:c", "data"),
    ("filtered-data:f:c:playbook_input:x", Kind.INPUT, "", "f:c", "x"),
    ("filtered-data:f:c:pb:playbook_output:x", Kind.CHILD, "pb", "f:c", "x"),
    ("filtered-artifact:f:c:filtered-artifact:*.id", Kind.ARTIFACT, "", "f:c", "id"),
    ("filtered-artifact:*.cef.fileHash", Kind.ARTIFACT, "", "", "cef.fileHash"),
]


@pytest.mark.parametrize(("text", "kind", "block", "kept", "steps"), FORMS)
def test_every_form_of_a_datapath_is_read(
    text: str, kind: Kind, block: str, kept: str, steps: str
) -> None:
    """
    Its source, the block and the filter it names, and the steps inside one element.
    """
    found = parse(text)

    assert (found.kind, found.block, found.filter) == (kind, block, kept)
    assert ".".join(found.steps) == steps
    assert find(text) == found


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("who:action_result.data..x", 24, "a step is empty"),
        ("artifact:*.cef.", 16, "a step is empty"),
        ("who:action_result.data*.x", 19, "'data*' must be a name or *"),
        ("artifact:1.cef.x", 10, "artifacts are read with artifact:*."),
        ("artifact:*cef", 11, "expected a dot"),
        ("who:action_result:x", 18, "expected a dot"),
        ("filtered-data:f:c:container:id", 19, "is nothing that a filter keeps"),
        ("filtered-data:f:c:filtered-data:f:c:artifact:*.id", 19, "is nothing that a filter"),
        ("filtered-data:f:c:text:formatted_data", 19, "is nothing that a filter keeps"),
        ("nothing", 1, "begins with no source"),
        ("", 1, "begins with no source"),
        ("a:action_result." + ".".join("x" * 101), 1, "has more than 100 steps"),
        ("a:action_result." + ".".join("*" * 21), 1, "or 20 wildcards"),
        ("artifact:*." + "x" * LONGEST, LONGEST + 1, "is longer than 2,000 characters"),
    ],
)
def test_a_malformed_datapath_is_a_sentence_with_its_position(
    text: str, position: int, why: str
) -> None:
    """
    The reader counts characters from 1, and finds the mistake there.
    """
    with pytest.raises(Malformed) as raised:
        parse(text)

    assert raised.value.position == position
    assert why in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    "text",
    ["", "test", "0", 7, None, True, [], "10.0.0.5:443", "https://evil.example/artifact:x",
     "Note: the artifact:s of it", "container: none", "artifacts: three", "see a: action_result"],
)  # fmt: skip
def test_what_is_no_datapath_is_a_literal(text: object) -> None:
    """
    A text with colons, an address, a number or nothing.
    """
    assert find(text) is None


@pytest.mark.parametrize("text", ["who:action_results.data.*.x", "cf:custom_function_results.data"])
def test_what_is_nearly_a_datapath_is_malformed_and_no_literal(text: str) -> None:
    """
    A typing error in the source must not be shown as if it were its value.
    """
    with pytest.raises(Malformed, match="is no source"):
        find(text)


def test_outer_fields_of_results_are_read_by_their_bare_names() -> None:
    """
    As Splunk 2.x wrote them: ``status``, ``app``; not any word.
    """
    assert plain("status") is not None
    assert plain("nonsense") is None


PIECES = st.sampled_from(
    ["artifact", "artifacts", "action_result", "filtered-data", "filtered-artifact", "*", ".", ":",
     "x", "custom_function", "custom_function_result", "formatted_data", "playbook_input", "0", "",
     "playbook_output", "container", "finding", "playbook", " ", "filtered-action_result", "\x00"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """
    Whatever an author writes is a datapath, a literal, or a sentence with a position inside it.
    """
    for read in (parse, find, plain):
        position = 1
        try:
            found = read(text)
        except Malformed as problem:
            found, position = None, problem.position
        assert found is None or all(found.steps)
        assert 1 <= position <= len(text) + 1


def test_the_longest_datapath_can_be_read_and_one_letter_more_cannot() -> None:
    """
    The bound is the last length that is read.
    """
    longest = "artifact:*.".ljust(LONGEST, "x")

    assert parse(longest).kind is Kind.ARTIFACT
    with pytest.raises(Malformed, match="longer than"):
        parse(f"{longest}x")


def test_only_a_filtered_result_without_a_name_is_one_that_was_given() -> None:
    """
    The forms of Splunk 2.x read what a filter has handed to the block.
    """
    assert parse("filtered-action_result.status").given
    assert not parse("action_result.status").given


def test_what_nearly_is_a_datapath_is_refused_behind_its_colon() -> None:
    """
    The position is that of the word which is wrong, not of the name before it.
    """
    with pytest.raises(Malformed, match="is no source") as refused:
        find("whois_1:action_results.data.*.org")

    assert refused.value.position == len("whois_1:") + 1
