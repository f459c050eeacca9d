"""
What playbooks ask of the system.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain.changes import Discontinue
from soar.phantom import checks, tools
from tests.unit.phantom.conftest import Stage


@pytest.mark.parametrize(
    ("check", "yes", "no"),
    [
        ("is_ip", ["10.0.0.1", "::1", b"10.0.0.1"], ["10.0.0.256", "a", "", None, 7, "10.0.0.0/8"]),
        ("is_net", ["10.0.0.0/8", "10.1.2.3/8", "::/0"], ["10.0.0.0/33", None]),
        ("is_url", ["http://a.example/x", "https://[::1]:1/"], ["a.example", "javascript:1", None]),
        ("is_email", ["ada@b.example"], ["ada@b", "@b.example", "a b@c.example", None]),
        ("is_hash", ["a" * 32, "B" * 40, "0" * 64, "f" * 128], ["a" * 33, "g" * 32, None]),
        ("is_md5", ["a" * 32], ["a" * 40]),
        ("is_sha1", ["a" * 40], ["a" * 32]),
        ("is_sha256", ["a" * 64], ["a" * 32]),
        ("is_domain", ["a.example", "x-y.a.example."], ["localhost", "10.0.0.1", "-a.example", 1]),
        ("is_hostname", ["localhost", "a_b.c"], ["a..b", "", "x" * 64]),
        ("is_mac", ["00:1a:2B:3c:4d:5e"], ["00:1a"]),
    ],
)
def test_texts_are_told_apart(check: str, yes: list[Any], no: list[Any]) -> None:
    """
    A value of another kind is a plain no.
    """
    function = getattr(checks, check)

    assert [v for v in yes if not function(v)] == []
    assert [v for v in no if function(v)] == []


@pytest.mark.parametrize(
    ("ip", "net", "inside"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "::/0", False),
        ("x", "10.0.0.0/8", False),
        ("10.1.2.3", None, False),
    ],
)
def test_an_address_is_in_a_network_or_not(ip: Any, net: Any, inside: bool) -> None:
    """
    What is no address or network is in none.
    """
    assert tools.address_in_network(ip, net) is inside
    assert tools.valid_net("10.0.0.0/8")
    assert tools.valid_ip("10.0.0.1")


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ((), "https://127.0.0.1/rest/"),
        (("container", 7, "artifacts"), "https://127.0.0.1/rest/container/7/artifacts"),
        (("/container/1", "notes"), "https://127.0.0.1/rest/container/1/notes"),
        (("container", "1/"), "https://127.0.0.1/rest/container/1"),
        (("decided_list", "a b/c"), "https://127.0.0.1/rest/decided_list/a%20b%2Fc"),
    ],
)
def test_an_address_of_rest_is_built_of_its_parts(parts: Any, url: str) -> None:
    """
    Each part is quoted by itself; one that begins with a slash is a path.
    """
    assert tools.build_phantom_rest_url(*parts) == url


def test_the_system_tells_who_and_what_runs(stage: Stage) -> None:
    """
    User, playbook, summary, addresses.
    """
    stage.shelf.users[7] = "ben"

    told = stage.says("""
        told.append(phantom.get_effective_user())
        told.append(phantom.get_playbook_info()[0]["name"])
        told.append("result" in phantom.get_summary())
        told.append([phantom.get_base_url(), phantom.get_phantom_home()])
        told.append([phantom.utils.is_ip("10.0.0.1"), phantom.is_ip("x")])
        from phantom.utils import is_url
        told.append(is_url("http://a/"))
        told.append(phantom.actions_done(action_names=["x"]))
        told.append(phantom.get_successful_action_results_v2(
            [{"action_results": [{"status": "failed"}, {"status": "success"}]}]))
    """)

    place = ["https://soar.example", "/var/lib/soar"]
    assert told == [7, "tested", True, place, [True, False], True, False, [{"status": "success"}]]


def test_an_asset_can_be_read_and_can_stand_for_its_name(stage: Stage) -> None:
    """
    So both ``asset["name"]`` and ``assets=phantom.get_assets(…)`` work.
    """
    told = stage.says("""
        found = phantom.get_assets(action="URL  reputation")
        told.append(found[0]["name"])
        phantom.act("url reputation", [{"url": "x"}], assets=found)
        told.append(phantom.get_assets(action="no such"))
        told.append([str(a) for a in phantom.get_apps(asset="vt_prod")])
    """)

    assert told == ["vt_prod", [], ["VirusTotal"]]
    assert stage.asks[0].assets == ("vt_prod",)


def test_a_template_is_filled_in_a_sandbox(stage: Stage) -> None:
    """
    Jinja with loops; what reaches for the inside of Python is stopped.
    """
    told = stage.says("""
        told.append(phantom.render_template("{% for a in xs %}{{ a }};{% endfor %}", {"xs": [1]}))
        told.append(phantom.render_template("{{ gone }}", {}))
    """)

    assert told == ["1;", ""]
    escape = "told.append(phantom.render_template('{{ x.__class__.__mro__ }}', {'x': ''}))"
    assert "SecurityError" in stage.says(escape)


def test_a_run_that_limits_its_actions_is_held_to_it(stage: Stage) -> None:
    """
    What is asked beyond the limit is refused, and says so; earlier blocks count.
    """
    stage.shelf.acts = 1

    stage.says("""
        phantom.act("whois ip", [{"ip": "10.0.0.1"}], name="free")
        phantom.set_action_limit(3)
        for n in range(3):
            phantom.act("whois ip", [{"ip": "10.0.0.1"}], name=str(n))
    """)

    acts = [a for a in stage.asks if hasattr(a, "refused")]
    assert [a.refused for a in acts[:3]] == ["", "", ""]
    assert acts[3].refused == "the run has asked for as many actions as it may: its limit is 3"
    assert stage.dialogue is not None
    assert "its limit is 3" in stage.dialogue.plan.joins[-1].acts[0].members[0].failed
    assert "limit: 'many' must be a whole number" in stage.says("phantom.set_action_limit('many')")


def test_discontinue_is_for_this_container(stage: Stage) -> None:
    """
    The block goes on.
    """
    assert stage.says("phantom.discontinue()\ntold.append('after')") == ["after"]
    assert stage.asks == [Discontinue(container_id=1)]


def test_a_task_is_a_question_that_any_text_answers(stage: Stage) -> None:
    """
    To a person or a role; its message may hold values of datapaths.
    """
    stage.says("phantom.task(container, 'ada', 'See {0}', 5, parameters=['container:label'])")

    (asked,) = stage.asks
    assert (asked.to, asked.options, asked.name, asked.minutes) == (("ada",), (), "task", 5)
    assert asked.message == "See phishing"
