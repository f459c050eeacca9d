"""
Fan-outs of ten no-ops on celery-director, measured by its own interpreter.

In: ``DIRECTOR_HOME`` (an empty folder), ``DIRECTOR_DATABASE_URI``, ``DIRECTOR_BROKER_URI`` and
``DIRECTOR_RESULT_BACKEND_URI``; how many workflows a burst starts. Out: workflows per second of the
median burst, on the last line. Never: run by the product's interpreter, whose SQLAlchemy is newer.

    /path/of/director/bin/python tests/bench/director_arm.py 40
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

BURSTS = 6
THREADS = 16
PATIENCE = 120.0

TASKS = """
from director import task

@task(name="NO_OP")
def no_op(*args, **kwargs):
    return 1

@task(name="LAST")
def last(*args, **kwargs):
    return 1
"""
WORKFLOWS = f"""
bench.FAN_OUT:
  tasks:
    - CALLS:
        type: group
        tasks: [{", ".join(["NO_OP"] * 10)}]
    - LAST
"""


def main() -> None:
    """Make the workflow, start a worker, measure."""
    home, count = Path(os.environ["DIRECTOR_HOME"]), int(sys.argv[1])
    (home / "tasks").mkdir()
    (home / "tasks" / "bench.py").write_text(TASKS)
    (home / "workflows.yml").write_text(WORKFLOWS)
    scripts = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
    subprocess.run([scripts / "director", "db", "upgrade"], env=env, check=True)
    command = ["director", "celery", "worker", "--pool=threads", f"--concurrency={THREADS}"]
    worker = subprocess.Popen([*command, "--loglevel=ERROR"], env=env)
    try:
        _measure(count)
    finally:
        worker.terminate()
        worker.wait()


def _measure(count: int) -> None:
    from director import create_app

    with create_app().app_context():
        _burst(5)
        rates = [count / _burst(count) for _ in range(BURSTS)]
    print(round(statistics.median(rates), 2))


def _burst(count: int) -> float:
    """Start so many workflows and return the seconds until all have ended."""
    from director.builder import WorkflowBuilder
    from director.extensions import db
    from director.models import StatusType
    from director.models.workflows import Workflow

    began = time.monotonic()
    before = Workflow.query.filter_by(status=StatusType.success).count()
    for _ in range(count):
        workflow = Workflow(project="bench", name="FAN_OUT", payload={})
        workflow.save()
        WorkflowBuilder(workflow.id).run()
    while Workflow.query.filter_by(status=StatusType.success).count() < before + count:
        db.session.rollback()
        if time.monotonic() > began + PATIENCE:
            raise SystemExit("error: not all workflows ended")
        time.sleep(0.02)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
