"""The command line on real servers: assets, alerts, tokens, approvals, runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from soar.bootstrap import House
from soar.domain import gate
from soar.domain.budget import Budget
from soar.domain.model import NewContainer
from soar.engine.queueing import queue_run
from soar.ingest.stream import StreamReader
from soar.sentinel import connect
from tests.integration.conftest import Soar

VIRUSTOTAL = {
    "app": "VirusTotal v3",
    "asset_name": "virustotal_prod",
    "configuration": {"api_key": "s3cret-key", "rate_limit": True, "max_requests_per_minute": 4},
}
PLAYBOOK = (
    '"""A test."""\n\nimport phantom.rules as phantom\n\n\ndef on_start(container):\n    return\n'
)


@pytest.fixture
def question(house: House) -> int:
    """An open approval: isolate a host, or only watch."""
    due = datetime.now(UTC) + timedelta(minutes=15)
    call = gate.HeldCall(
        action="quarantine device",
        asset="crowdstrike_prod",
        app="crowdstrike",
        app_version="1.0.0",
        parameters={"device_id": "WS-0042"},
    )
    options = ["Isolate Host", "Monitor Only"]
    with house.database.begin() as work:
        number, _ = work.containers.add(
            NewContainer(asset="t", source_id="1", name="Mail", label="phishing", severity="high")
        )
        work.playbooks.save(name="containment", title="Containment", version="1", source=PLAYBOOK)
        playbook = work.playbooks.newest("containment")
        run_id = queue_run(work, container_id=number, playbook=playbook, started_by="test")
        join = work.runs.add_action_run(
            run_id=run_id,
            container_id=number,
            kind="prompt",
            action="prompt",
            name="ask",
            remaining=1,
        )
        shown = gate.payload(
            approval="p1",
            run_id=run_id,
            container_id=number,
            assignee="soc_tier2",
            message="Isolate WS-0042?",
            options=options,
            due=due.isoformat(),
            effects={"Isolate Host": [call], "Monitor Only": []},
        )
        return work.approvals.open(
            public_id="p1",
            run_id=run_id,
            action_run_id=join,
            container_id=number,
            kind="prompt",
            name="ask",
            assignee="soc_tier2",
            message="Isolate WS-0042?",
            options=options,
            payload=shown,
            payload_digest=gate.digest(shown),
            due_at=due,
        )


def token(soar: Soar, user: str, *options: str) -> str:
    """Make a token."""
    return str(json.loads(soar("token", "create", user, *options, "--json").stdout)["token"])


def written(folder: Path, value: Any, name: str = "given.json") -> Path:
    """Write a file."""
    file = folder / name
    file.write_text(value if isinstance(value, str) else json.dumps(value))
    return file


def test_an_asset_is_added_and_its_secret_is_never_shown(soar, tmp_path):
    """
    Whatever asks for an asset afterwards gets stars where the key is.
    """
    added = soar("asset", "add", written(tmp_path, [VIRUSTOTAL]), "--json")

    assert json.loads(added.stdout) == {"saved": ["virustotal_prod"]}
    for words in (["list"], ["show", "virustotal_prod"]):
        for more in ([], ["--json"]):
            result = soar("asset", *words, *more)
            assert result.exit_code == 0
            assert "s3cret-key" not in result.output
            assert "sealed" not in result.output
    document = json.loads(soar("asset", "show", "virustotal_prod", "--json").stdout)
    assert document["configuration"]["api_key"] == "***"
    assert document["budget"] == "4/minute"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"configuration": {"api_kee": "x"}}, "configuration.api_kee"),
        (
            {"configuration": {"max_requests_per_minute": 0}},
            "configuration.max_requests_per_minute",
        ),
        ({"app": ""}, "app"),
        ({"app": "NoSuchApp"}, "app"),
        ({"asset_name": "Bad Name"}, "asset_name"),
    ],
)
def test_an_asset_that_cannot_be_used_names_its_field(soar, tmp_path, change, field):
    """
    One bad asset of a list ends with 2, names its place, and none of the list is kept.
    """
    file = written(tmp_path, [VIRUSTOTAL, {**VIRUSTOTAL, **change}])

    result = soar("asset", "add", file, "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["field"] == f"[1].{field}"
    assert json.loads(soar("asset", "list", "--json").stdout) == []


def test_a_secret_is_taken_from_standard_input(soar, tmp_path, house):
    """
    KEY=- takes a line of standard input, so that the secret stands on no command line.
    """
    soar("asset", "add", written(tmp_path, VIRUSTOTAL))

    result = soar(
        "asset",
        "set",
        "virustotal_prod",
        "api_key=-",
        "max_requests_per_minute=240",
        given="12345\n",
    )

    assert result.exit_code == 0
    assert "12345" not in result.output
    with house.database.begin() as work:
        asset = work.assets.get("virustotal_prod")

    assert str(asset.budget) == "240/minute"
    assert house.vault().open(asset.configuration["api_key"]).reveal() == "12345"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("max_requests_per_minute", value) for value in (0, -1, "abc", 1e9)],
        *[("concurrency", value) for value in (0, -1, "abc", 1e9)],
        *[("rate_limit", value) for value in ("0/minute", -1, "abc", 1e9, True)],
    ],
)
def test_a_wrong_budget_ends_with_2_and_names_its_field(soar, tmp_path, house, name, value):
    """
    In a file and as a setting; nothing has changed.
    """
    secret = {"api_key": "k"}
    soar("asset", "add", written(tmp_path, {**VIRUSTOTAL, "configuration": secret}))
    wrong = written(tmp_path, {**VIRUSTOTAL, "configuration": {**secret, name: value}})
    text = json.dumps(value).strip('"')

    added = soar("asset", "add", wrong, "--json")
    changed = soar("asset", "set", "virustotal_prod", f"{name}={text}", "--json")

    for result in (added, changed):
        assert result.exit_code == 2
        assert json.loads(result.stdout)["field"] == f"configuration.{name}"
    with house.database.begin() as work:
        assert list(work.assets.get("virustotal_prod").configuration) == ["api_key"]


def test_null_takes_a_limit_away(soar, tmp_path, house):
    """
    As in a file: what is null is no limit.
    """
    soar("asset", "add", written(tmp_path, VIRUSTOTAL))
    soar("asset", "set", "virustotal_prod", "concurrency=2", "rate_limit=false")

    soar("asset", "set", "virustotal_prod", "concurrency=null")

    with house.database.begin() as work:
        assert work.assets.get("virustotal_prod").budget == Budget()


def test_a_forgotten_name_does_not_repeat_the_value(soar, tmp_path):
    """
    A word without a key is refused without being repeated: it may be the secret.
    """
    soar("asset", "add", written(tmp_path, VIRUSTOTAL))

    result = soar("asset", "set", "virustotal_prod", "hunter2")

    assert result.exit_code == 2
    assert "hunter2" not in result.output


def test_a_connectivity_test_that_fails_ends_with_1(soar, tmp_path):
    """
    `soar asset test` says in one sentence why the vendor was not reached.
    """
    there = {**VIRUSTOTAL["configuration"], "base_url": "http://127.0.0.1:1"}
    soar("asset", "add", written(tmp_path, {**VIRUSTOTAL, "configuration": there}))

    result = soar("asset", "test", "virustotal_prod", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]
    assert "s3cret-key" not in result.output


def test_secrets_open_with_the_new_key_after_rotation(soar, tmp_path, house):
    """
    After `soar vault rotate` the old key may be thrown away.
    """
    soar("asset", "add", written(tmp_path, VIRUSTOTAL))
    old = house.settings.vault_key_file.read_text().strip()
    new = json.loads(soar("vault", "new-key", "--json").stdout)["key"]

    rotated = soar("vault", "rotate", "--json", SOAR_VAULT_KEYS=f"{new},{old}")

    assert json.loads(rotated.stdout) == {
        "rotated": ["virustotal_prod"],
        "channels": [],
        "people": [],
    }
    only_new = soar("asset", "test", "virustotal_prod", SOAR_VAULT_KEYS=old)
    assert "sealed with a key that is not in the vault" in only_new.stderr


def test_what_does_not_exist_ends_with_3(soar):
    """
    Asking for a thing that is not there ends with 3, whatever the thing.
    """
    for words in (
        ["asset", "show", "x"],
        ["asset", "delete", "x"],
        ["playbook", "show", "x"],
        ["trigger", "delete", "x"],
        ["run", "show", 9],
        ["report", 9],
        ["token", "revoke", "x"],
    ):
        assert soar(*words, "--json").exit_code == 3, words


def test_a_playbook_is_imported_triggered_and_run(soar, tmp_path, question):
    """
    A playbook file becomes a version, its trigger needs it, and a run of it is queued.
    """
    file = written(tmp_path, PLAYBOOK, "triage.py")
    trigger = {
        "playbook_name": "triage",
        "trigger": {"type": "event_created", "conditions": {"label": ["phishing"]}},
    }
    assert soar("trigger", "add", written(tmp_path, trigger), "--json").exit_code == 2

    imported = [json.loads(soar("playbook", "import", file, "--json").stdout) for _ in range(2)]
    added = soar("trigger", "add", written(tmp_path, trigger), "--json")
    run = json.loads(soar("playbook", "run", "triage", "--container", "1", "--json").stdout)

    assert [rows[0]["new"] for rows in imported] == [True, False]
    assert json.loads(added.stdout) == {"saved": ["triage"]}
    shown = json.loads(soar("run", "show", run["run"], "--json").stdout)
    assert (shown["playbook"], shown["status"]) == ("triage", "queued")
    assert json.loads(soar("trigger", "list", "--json").stdout)[0]["playbook_name"] == "triage"
    assert soar("trigger", "delete", "triage").exit_code == 0


def test_alerts_reach_the_stream_once_all_are_good(soar, house, tmp_path):
    """
    One alert that ingest would refuse keeps the others of its file out of the stream.
    """
    good = {"name": "Mail", "label": "phishing", "severity": "high"}
    client = connect(house.settings.redis_url.get_secret_value())

    bad = soar("alert", "push", written(tmp_path, [good, {**good, "label": "fishing"}]), "--json")

    assert bad.exit_code == 2
    assert json.loads(bad.stdout)["field"] == "[1].label"
    assert client.xlen("soar:alerts") == 0

    pushed = soar("alert", "push", "-", "--json", given=json.dumps([good] * 250))

    assert json.loads(pushed.stdout)["pushed"] == 250
    assert client.xlen("soar:alerts") == 250
    client.close()


def test_an_alert_that_is_no_json_is_refused(soar):
    """
    Bad JSON ends with 2 and names the alert.
    """
    result = soar("alert", "push", "-", "--json", given='{"name": ')

    assert result.exit_code == 2
    assert json.loads(result.stdout)["field"] == "alert"


def test_an_unchecked_alert_dies_with_its_reason(soar, house):
    """
    What --no-check lets through is found among the dead, with the reason.
    """
    assert soar("alert", "push", "-", "--no-check", given="{ broken\x1b[2J").exit_code == 0
    client = connect(house.settings.redis_url.get_secret_value())
    StreamReader(
        database=house.database, client=client, stream="soar:alerts", consumer="t", labels=()
    ).step()
    client.close()

    dead = json.loads(soar("alert", "dead", "--json").stdout)

    assert len(dead) == 1
    assert "is not JSON" in dead[0]["reason"]
    assert "\x1b" not in soar("alert", "dead").stdout


def test_the_right_person_sees_what_will_be_done_and_decides_once(soar, question):
    """
    The screen names action, asset and target of each choice; a second answer ends with 5.
    """
    anna = token(soar, "anna", "--role", "soc_tier2")
    listed = json.loads(soar("approvals", "--json").stdout)
    assert [row["id"] for row in listed] == [question]

    first = soar("approve", question, "isolate host", "--yes", SOAR_TOKEN=anna)
    second = soar("approve", question, "Monitor Only", "--yes", "--json", SOAR_TOKEN=anna)

    assert first.exit_code == 0
    assert "quarantine device on crowdstrike_prod: device_id=WS-0042" in first.stdout
    assert "anna chose 'Isolate Host'" in first.stdout
    assert soar("approve", question, SOAR_TOKEN=anna).exit_code == 5
    assert second.exit_code == 5
    assert "anna" in json.loads(second.stdout)["error"]
    assert json.loads(soar("approvals", "--json").stdout) == []


def test_the_wrong_person_is_refused_before_the_question_is_asked(soar, question):
    """
    No token ends with 2, a wrong token, another role or a machine with 4; nothing is decided.
    """
    ben = token(soar, "ben", "--role", "soc_tier1")
    bot = token(soar, "bot", "--role", "soc_tier2", "--automation")

    codes = [
        soar("approve", question, "Isolate Host", "--yes", "--json", SOAR_TOKEN=who).exit_code
        for who in ("", "nonsense", ben, bot)
    ]

    assert codes == [2, 4, 4, 4]
    assert len(json.loads(soar("approvals", "--json").stdout)) == 1


def test_a_wrong_choice_or_none_decides_nothing(soar, question, tmp_path):
    """
    A choice that was not offered ends with 2; so does no choice, or no --yes, unattended.
    """
    file = written(tmp_path, token(soar, "anna", "--role", "soc_tier2"), "token")

    for words in (["Nuke It", "--yes"], ["--yes"], ["Isolate Host"]):
        result = soar("approve", question, *words, "--token-file", file, "--json")
        assert result.exit_code == 2, words

    assert len(json.loads(soar("approvals", "--json").stdout)) == 1


def test_a_terminal_is_asked_for_the_choice(soar, question, monkeypatch):
    """
    At a terminal the choice may be a number, and is asked once more before it counts.
    """
    anna = token(soar, "anna", "--role", "soc_tier2")
    monkeypatch.setattr("soar.cli.entry.interactive", lambda: True)

    declined = soar("approve", question, SOAR_TOKEN=anna, given="2\nn\n")
    answered = soar("approve", question, SOAR_TOKEN=anna, given="2\ny\n")

    assert declined.exit_code == 130
    assert answered.exit_code == 0
    assert "anna chose 'Monitor Only'" in answered.stdout


def test_an_approval_that_changed_meanwhile_is_not_answered(soar, question, house, monkeypatch):
    """
    What counts is what was shown: a payload that changes before the answer ends with 5.
    """
    anna = token(soar, "anna", "--role", "soc_tier2")

    def meanwhile(*_: object, **__: object) -> None:
        _change(house, question, "payload_digest = 'other'")

    monkeypatch.setattr("soar.cli.approvals._confirm", meanwhile)

    result = soar("approve", question, "Isolate Host", "--json", SOAR_TOKEN=anna)

    assert result.exit_code == 5
    assert "changed" in json.loads(result.stdout)["error"]


def test_what_is_shown_is_what_is_signed_for(soar, question, house):
    """
    A payload that was tampered with in the store does not have the digest that was recorded.
    """
    anna = token(soar, "anna", "--role", "soc_tier2")
    _change(house, question, """payload = payload || '{"message": "Harmless"}'::jsonb""")

    result = soar("approve", question, "Isolate Host", "--yes", "--json", SOAR_TOKEN=anna)

    assert result.exit_code == 5


def _change(house: House, approval_id: int, assignment: str) -> None:
    statement = f"update approval set {assignment} where id = %(id)s returning id"
    assert house.database.run(statement, {"id": approval_id})


def test_a_second_token_takes_nothing_away(soar):
    """
    A person keeps roles and kind unless they are given anew; revoking ends every token.
    """
    soar("token", "create", "bot", "--role", "observer", "--automation")

    again = json.loads(soar("token", "create", "bot", "--json").stdout)
    revoked = json.loads(soar("token", "revoke", "bot", "--json").stdout)

    assert (again["roles"], again["kind"]) == (["observer"], "automation")
    assert revoked["revoked"] == 2
    assert soar("approve", 1, "x", "--yes", SOAR_TOKEN=again["token"]).exit_code == 4


def test_runs_are_listed_and_shown(soar, question):
    """
    A run that waits for a person is found by --waiting, and its timeline holds the question.
    """
    waiting = json.loads(soar("runs", "--waiting", "--json").stdout)
    failed = json.loads(soar("runs", "--status", "failed", "--json").stdout)
    shown = json.loads(soar("run", "show", waiting[0]["id"], "--json").stdout)

    assert len(waiting) == 1
    assert failed == []
    assert "prompt" in [step["kind"] for step in shown["timeline"]]
    assert "Containment" in soar("run", "show", waiting[0]["id"]).stdout
    assert soar("runs", "--status", "melted", "--json").exit_code == 2
    assert json.loads(soar("report", 1, "--json").stdout)["container"] == 1


def test_the_lab_prints_its_doors_and_ends_quietly(tmp_path):
    """
    `soar lab` serves until Ctrl-C, then ends with 130 and says nothing.
    """
    command = [sys.executable, "-c", "from soar.cli import main; main()", "lab", "--json"]
    lab = subprocess.Popen(
        [*command, "--folder", tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert lab.stdout is not None
    doors = json.loads("".join(iter(lab.stdout.readline, "}\n")) + "}")

    lab.send_signal(signal.SIGINT)
    out, err = lab.communicate(timeout=20)

    assert set(doors) == {"http", "https", "ldaps", "ca_file"}
    assert (lab.returncode, out, err) == (130, "", "")


def test_migrating_again_changes_nothing(soar):
    """
    `soar migrate` on a migrated database says where the schema is; an unknown one ends with 1.
    """
    assert json.loads(soar("migrate", "--json").stdout)["revision"]
    assert soar("migrate", "--to", "nowhere", "--json").exit_code == 1


def test_a_number_beyond_any_id_is_one_sentence(soar):
    """
    An id that no row can have is an answer, not a traceback.
    """
    assert soar("run", "show", 10**30, "--json").exit_code in (1, 3)
