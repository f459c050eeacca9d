"""
A process of its own for the code of a playbook: ``python -m soar.testing.room``.

In: a request on standard input. Out: a document on standard output, or one sentence.
Never: a setting, a key, or a connection: whoever starts it hands over texts, and nothing else.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from os import pathsep
from typing import Any

from soar.domain.errors import BadInput, SoarError

LARGEST = 4 * 2**30
"""Bytes of memory that it may take."""
LONGEST = 300.0
"""Seconds after which it is ended."""


class Failed(SoarError):
    """The process of a playbook ended without an answer."""


def ask(what: str, request: Mapping[str, Any], *, seconds: float = LONGEST) -> dict[str, Any]:
    """Have something done in a process of its own: ``debug``, ``complete`` or ``replay``."""
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "soar.testing.room", what],
            input=json.dumps(request, default=str),
            capture_output=True,
            text=True,
            timeout=seconds,
            env={"PYTHONPATH": pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"the playbook was ended: it ran longer than {seconds:g} s") from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Failed(f"the playbook ended its process: {last[:500]}") from None
    if "refused" in answer:
        field, sentence = answer["refused"]
        raise BadInput(field, sentence) if field else Failed(sentence)
    return answer


def _debug(request: Mapping[str, Any]) -> dict[str, Any]:
    from soar.testing.debugging import debug

    return debug(request)


def _complete(request: Mapping[str, Any]) -> dict[str, Any]:
    from soar.testing.replaying import complete

    return complete(request["recording"], request["source"])


def _replay(request: Mapping[str, Any]) -> dict[str, Any]:
    from soar.testing.replaying import complete, replay

    recording, then = request["recording"], request.get("then")
    known = recording if then is None else complete(recording, then)
    more = {name: request.get(name) for name in ("transcript", "functions")}
    found = replay(known, request["source"], **more)
    return {**found.document(), "said": [str(change) for change in found.changes]}


DOES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "debug": _debug,
    "complete": _complete,
    "replay": _replay,
}


def main() -> None:
    """Answer one request; what a playbook prints or closes is not the answer."""
    answer, sys.stdout = sys.stdout, sys.stderr
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST, LARGEST))
    try:
        found = DOES[sys.argv[1]](json.load(sys.stdin))
    except BadInput as error:
        found = {"refused": [error.field, str(error).removeprefix(f"{error.field}: ")]}
    except SoarError as error:
        found = {"refused": ["", str(error)]}
    json.dump(found, answer, default=str)


if __name__ == "__main__":
    main()
