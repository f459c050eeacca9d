"""Bad input: one clear sentence where its author looks, nothing lost, workers stay up."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from soar.sentinel import connect

GOOD = """
import phantom.rules as phantom

def on_start(container):
    phantom.comment(container, "still here")
"""


def dead_reasons(pool: Any) -> list[str]:
    """The reasons on the stream of alerts that were put aside."""
    settings = pool.house.settings
    client = connect(settings.redis_url.get_secret_value())
    entries: Any = client.xrange(f"{settings.alert_stream}:dead")
    client.close()
    return [fields[b"reason"].decode() for _, fields in entries]


@pytest.mark.parametrize(
    ("alert", "reason"),
    [
        ("{not json", "alert: is not JSON"),
        ('["a", "list"]', "alert: must be an object, not list"),
        ('{"name": "x", "label": "phisching"}', "did you mean 'phishing'?"),
        ('{"label": "events"}', "name: is missing"),
        ('{"name": "x", "severity": "urgent"}', "severity: 'urgent' is none of"),
        ('{"name": "x", "artifacts": [{"cef": 3}]}', "artifacts[0].cef: must be an object"),
    ],
)
def test_an_alert_that_cannot_be_used_is_put_aside_with_its_reason(
    pool: Any, alert: str, reason: str
) -> None:
    """
    The alert goes to the dead stream, whole, and the next alert is taken.
    """
    name = pool.playbook(GOOD, label=f"good-{uuid.uuid4().hex[:6]}")
    before = len(dead_reasons(pool))

    pool.push(alert)
    with pool.house.database.begin() as work:
        label = next(t.labels[0] for t in work.assets.triggers() if t.name == name)
    container = pool.alert(label)

    assert pool.ended(container)[0]["status"] == "success"
    assert reason in "\n".join(dead_reasons(pool)[before:])


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def on_start(container)\n    pass\n", "line 1: expected ':'"),
        ("import phantom.rules as phantom\nraise ValueError('no')\n", "line 2: ValueError: no"),
        ("import phantom.rules as phantom\n", "'on_start' does not exist"),
        (
            "import phantom.rules as phantom\ndef on_start(c):\n    phantom.cool_new_thing(c)\n",
            "line 3: AttributeError: phantom.cool_new_thing is not known",
        ),
        ("def on_start(c):\n    import sys\n    sys.exit(3)\n", "line 3: SystemExit: 3"),
        (
            "import phantom.rules as phantom\ndef on_start(c):\n    phantom.act('whois ip',"
            " parameters=[{'ip': '192.0.2.45'}], assets=['whois_prod'], callback='nowhere')\n",
            "callback 'nowhere' does not exist",
        ),
    ],
)
def test_a_playbook_that_cannot_go_on_ends_failed_and_says_why(
    pool: Any, source: str, sentence: str
) -> None:
    """
    The run ends failed with the line and the reason in its error and its log.
    """
    label = f"bad-{uuid.uuid4().hex[:6]}"
    pool.playbook(source, label=label)

    (run,) = pool.ended(pool.alert(label))

    assert run["status"] == "failed"
    assert sentence in run["error"]
    assert sentence in pool.log(run["id"])


@pytest.mark.parametrize(
    ("act", "sentence", "ends"),
    [
        (
            "'block everything', assets=['palo_alto_prod'], parameters=[{}]",
            "no app offers the action 'block everything'",
            "failed",
        ),
        (
            "'block ip', assets=['firewall_9'], parameters=[{'ip': '203.0.113.1'}]",
            "there is no asset 'firewall_9'",
            "failed",
        ),
        (
            "'whois ip', assets=['palo_alto_prod'], parameters=[{'ip': '203.0.113.1'}]",
            "does not offer 'whois ip'",
            "failed",
        ),
        (
            "'block ip', assets=['palo_alto_prod'], parameters=[{}]",
            "parameter 'ip' is missing",
            "success",
        ),
        (
            "'block ip', assets=['palo_alto_prod'], parameters=[{'ip': '203.0.113.1', 'x': 1}]",
            "has no parameter 'x'",
            "success",
        ),
        (
            "'block ip', assets=['palo_alto_prod'], parameters=[]",
            "no parameters were given",
            "success",
        ),
        (
            "'ip reputation', assets=['keyless'], parameters=[{'ip': '203.0.113.1'}]",
            "asset 'keyless' has no 'api_key'",
            "failed",
        ),
    ],
)
def test_an_act_that_cannot_be_made_fails_calls_its_callback_and_says_why(
    pool: Any, act: str, sentence: str, ends: str
) -> None:
    """
    The callback hears success=False, the run goes on to its end, and the reason is recorded. What
    could never be made (no such action or asset, no credentials) lets the run end failed.
    """
    from soar import inventory

    with pool.house.database.begin() as work:
        inventory.save(
            work,
            {"app": "VirusTotal v3", "asset_name": "keyless", "configuration": {}},
            catalog=pool.house.catalog,
            vault=pool.house.vault(),
        )
    label = f"act-{uuid.uuid4().hex[:6]}"
    pool.playbook(
        "import phantom.rules as phantom\n"
        f"def on_start(c):\n    phantom.act({act}, callback=heard)\n"
        "def heard(action, success, container, results, handle):\n"
        "    phantom.comment(container, f'heard {success}')\n",
        label=label,
    )

    container = pool.alert(label)
    (run,) = pool.ended(container)

    with pool.house.database.begin() as work:
        comments = [n["content"] for n in work.reads.notes_of(container)]
        acts = [a["message"] for a in work.reads.actions_of(container)]
    said = "\n".join([*acts, *(c["message"] for c in pool.calls(container))])
    assert comments == ["heard False"]
    assert run["status"] == ends
    assert (sentence in run["error"]) is (ends == "failed")
    assert sentence in said
