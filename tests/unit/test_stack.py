"""
What the processes of `soar up` are told.
"""

from __future__ import annotations

from pathlib import Path

from soar.demo.stack import Stack
from soar.settings import Settings


def test_processes_are_told_what_the_operator_has_set_and_no_key(tmp_path: Path) -> None:
    """
    Every plain setting reaches every process; keys, logins and tokens do not.
    """
    settings = Settings(
        database_url="postgresql+psycopg2://h/soar",
        redis_url="redis://h/0",
        data_dir=tmp_path,
        vault_keys="hush-vault",
        token="hush-token",
        flower_basic_auth="hush:flower",
        engine_processes=5,
        worker_lease_seconds=7,
        task_events=False,
    )
    stack = Stack(settings, lambda _: None)
    stack.settings = settings

    told = stack._common()

    assert told["SOAR_ENGINE_PROCESSES"] == "5"
    assert told["SOAR_WORKER_LEASE_SECONDS"] == "7"
    assert told["SOAR_TASK_EVENTS"] == "False"
    assert told["SOAR_DATABASE_URL"] == "postgresql+psycopg2://h/soar"
    assert "hush" not in " ".join(v for k, v in told.items() if k.startswith("SOAR_"))
