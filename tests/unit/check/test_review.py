"""
The check of a playbook: each kind of finding with its line, and nothing where nothing is wrong.

In: small playbooks. Out: nothing. Never: a playbook run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from soar import bringing, catalog
from soar.bundle import Bundle
from soar.check import review as whole
from soar.check.findings import Finding, Known
from soar.check.review import review
from soar.engine.program import FUNCTION, PLAYBOOK

KNOWN = whole.known(catalog.load())
HEAD = "import phantom.rules as phantom\n\ndef on_start(container):\n"


def found(body: str, *, what: str = PLAYBOOK, known: Known = KNOWN) -> list[Finding]:
    """Return the findings of a playbook whose on_start has this body from line 4 on."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return review("p.py", HEAD + lines, what, known)


def said(*args: Any, **more: Any) -> list[tuple[int, str, str]]:
    """Return line, level and kind of the findings."""
    return [(f.line, f.level, f.kind) for f in found(*args, **more)]


def test_a_playbook_in_order_has_no_findings() -> None:
    """
    Known names, an action that is offered, a callback that exists.
    """
    assert said("phantom.act('ip reputation', parameters=[{'ip': 'x'}], callback=on_start)") == []


@pytest.mark.parametrize(
    "more",
    [
        "app='VirusTotal'",
        "app={'name': 'virustotal  v3'}",
        "app=None, tags=None, asset_type=None",
        "app={}, tags=[], asset_type=''",
        "app=container['app'], tags=container['tags']",
    ],
)
def test_an_app_that_is_here_or_nobody_knows_yet_is_no_finding(more: str) -> None:
    """
    By any of its names; nor is what chooses nothing.
    """
    assert said(f"phantom.act('ip reputation', {more})") == []


def test_the_names_that_splunk_s_playbooks_use_are_known() -> None:
    """
    Splunk's app for Active Directory is called LDAP.
    """
    for name in ("LDAP", "AD LDAP", "Microsoft AD LDAP"):
        act = f"phantom.act('get user attributes', app={{'name': {name!r}}})"
        assert said(act) == []


@pytest.mark.parametrize(
    ("source", "line"), [("def on_start(c)\n    pass", 1), ("if 1:\n    print 'of Python 2'", 2)]
)
def test_a_syntax_error_is_found_at_its_line(source: str, line: int) -> None:
    """
    What only Python 2 reads is one, too.
    """
    (finding,) = review("folder/p.py", source, PLAYBOOK, KNOWN)

    assert (finding.file, finding.line, finding.kind) == ("folder/p.py", line, "syntax")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("phantom.fly()", (4, "error", "unknown name")),
        ("import nowhere_at_all.x", (4, "error", "import")),
        ("from phantom.rules import fly", (4, "error", "unknown name")),
        ("phantom.debug()\nphantom.act('fly')", (5, "warning", "unknown action")),
        ("phantom.act(action='disable  User')", (4, "info", "no gate")),
        (
            "phantom.prompt(user='a', message='unrelated')\nphantom.act('disable user')",
            (5, "info", "no gate"),
        ),
        (
            "acts = [{'action': 'ip reputation'},\n        {'action': 'disable user'}]\n"
            "phantom.act_together(acts)",
            (5, "info", "no gate"),
        ),
        ("phantom.act_together([{'action': 'no such'}])", (4, "warning", "unknown action")),
        (
            "phantom.debug()\nphantom.act('ip reputation', app={'name': 'GreyNoise'})",
            (5, "warning", "unknown app"),
        ),
        ("phantom.act('ip reputation', app='LDAP')", (4, "warning", "unknown app")),
        ("app = 'nobody'\nphantom.act('ip reputation', app=app)", (5, "warning", "unknown app")),
        (
            "phantom.act_together([{'action': 'ip reputation', 'app': 'nobody'}])",
            (4, "warning", "unknown app"),
        ),
        ("phantom.act('ip reputation', tags=['prod'])", (4, "warning", "tags")),
        ("phantom.act('ip reputation', None, None, 'prod')", (4, "warning", "tags")),
        ("phantom.act('ip reputation', asset_type='fw')", (4, "warning", "asset_type")),
        (
            "paths = ['artifact:*.cef.a']\npaths = ['artifact:*.cef..x']\n"
            "phantom.format(container, 'x', paths)",
            (5, "error", "datapath"),
        ),
        ("phantom.collect(container, 'artifact:*.cef..x')", (4, "error", "datapath")),
        ("phantom.collect2(container, None, ['artifact.cef.x'])", (4, "error", "datapath")),
        ("phantom.collect2(datapath=['a:action_result.data*.x'])", (4, "error", "datapath")),
        (
            "phantom.task(user='a', message='x', parameters=['artifact:*.cef..x'])",
            (4, "error", "datapath"),
        ),
        ("phantom.act('ip reputation', callback='nowhere')", (4, "error", "callback")),
        ("phantom.act('ip reputation', callback=nowhere)", (4, "error", "callback")),
        ("global seen\nseen = 1", (4, "warning", "global")),
    ],
)
def test_each_kind_of_fault_is_found_at_its_line(body: str, expected: tuple[Any, ...]) -> None:
    """
    One finding each, with its level.
    """
    assert said(body) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        "phantom.act(name_of())\ndef name_of(): pass",
        "phantom.act('disable user', reviewer='admin')",
        "phantom.prompt(user='a', message='x', callback=then)\n"
        "def then(*_):\n    further()\ndef further():\n    phantom.act('disable user')",
        "paths = ['artifact:*.cef.x']\nphantom.format(template='{0}', parameters=paths)",
        "phantom.collect2(datapath=[f'artifact:*.cef.{x}', 'status'])",
        "phantom.playbook('local/x'); phantom.custom_function('local/x')",
        "phantom.act('ip reputation', assets=['anything'])",
        "other.fly()",
    ],
)
def test_what_nobody_can_know_is_not_said(body: str) -> None:
    """
    Dynamic names, people asked before, other objects, and what only a database would know.
    """
    assert said(body) == []


def test_assets_playbooks_and_functions_are_compared_where_they_are_known() -> None:
    """
    Each unknown one is a warning.
    """
    known = replace(
        KNOWN, assets=frozenset("a"), playbooks=frozenset("p"), functions=frozenset("f")
    )
    body = """
phantom.act('ip reputation', assets=['a', 'b'])
phantom.playbook('local/q'); phantom.playbook('local/p')
phantom.custom_function('community/g'); phantom.custom_function(custom_function='f')
"""
    assert said(body, known=known) == [
        (4, "warning", "unknown asset"),
        (5, "warning", "unknown playbook"),
        (6, "warning", "unknown custom function"),
    ]


def test_what_a_function_may_not_call_is_an_error_there() -> None:
    """
    In a playbook it is none.
    """
    assert said("phantom.save_run_data('a', 'b')", what=FUNCTION) == [
        (4, "error", "not in a function")
    ]


JOINS = """
def a(*_):
    join_x()
def b(*_):
    join_x()
def c(*_):
    phantom.act('ip reputation', callback=join_x)
def join_x(*_):
    {body}
"""


@pytest.mark.parametrize(
    ("body", "warns"),
    [
        ("if phantom.completed(action_names=['a', 'b'], playbook_names=['c']): next()", False),
        ("if phantom.completed(action_names=['a', 'b']): next()", True),
        ("next()", True),
        ("phantom.save_run_data('k', 'v'); next()", True),
        ("if phantom.get_run_data('k'): return\n    phantom.save_run_data('k', 'v')", False),
    ],
    ids=["waits for all", "waits for some", "next only", "save and next", "guarded"],
)
def test_a_join_that_can_fire_twice_is_said(body: str, warns: bool) -> None:
    """
    The forms that playbooks of editors have; those that the engine makes fire once are in order.
    """
    source = HEAD + "    pass\n" + JOINS.format(body=body)

    joins = [f for f in review("p.py", source, PLAYBOOK, KNOWN) if f.kind == "join"]
    assert [(f.line, f.level) for f in joins] == ([(12, "warning")] if warns else [])


def test_a_malformed_datapath_is_a_finding_with_its_position() -> None:
    """
    Plain texts are none, nor is what only looks a little like a datapath.
    """
    body = """
phantom.collect2(container=container, datapath=['artifact:*.cef..x', 'artifact:*.id'])
phantom.format(template='{0}', parameters=['a..b', 'x:action_result..y', 'http://a/b'])
"""
    paths = [f for f in found(body) if f.kind == "datapath"]

    assert [(f.line, f.level) for f in paths] == [(4, "error"), (5, "error")]
    assert all("character" in f.sentence for f in paths)


def test_a_whole_folder_is_compared_with_itself() -> None:
    """
    What it brings is known in it; what cannot be used is a finding of its own.
    """
    call = HEAD + "    phantom.custom_function('local/f'); phantom.playbook('local/gone')\n"
    bundle = Bundle(
        name="x",
        files={
            "p.py": call.encode(),
            "q.py": b"def on_start(c):\n    pass\n",
            "broken.py": b"def on_start(c)\n",
            "custom_functions/f.py": b"def f(**kwargs):\n    return {}\n",
            "custom_functions/g.py": b"def other():\n    pass\n",
        },
    )

    findings = whole.review_all(bundle, bringing.read(bundle), KNOWN)

    assert [(f.file, f.line, f.kind) for f in findings] == [
        ("broken.py", 1, "syntax"),
        ("custom_functions/g.py", 1, "refused"),
        ("p.py", 4, "unknown playbook"),
    ]
