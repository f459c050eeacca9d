"""
`soar up` and `soar demo`: the words of the whole product with one command.

In: options. Out: ``soar.demo.running`` at work. Never: its parts (servers, the lab) loaded by
other commands, which need none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(help="Keep the servers' data here (demo: a directory that is deleted)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def up(
    data_dir: DataDir = None,
    lab: Annotated[bool, typer.Option(help="Run the vendor lab and its assets.")] = True,
    flower: Annotated[bool, typer.Option(help="Run Flower.")] = True,
    as_json: AsJson = False,
) -> None:
    """Start servers, workers, http and Flower, print their URLs, and stay until Ctrl-C."""
    from soar.demo import running

    running.up(data_dir=data_dir, lab=lab, flower=flower, as_json=as_json)


def demo(
    answer: Annotated[
        str, typer.Option(help="Answer of the analyst, such as 'Isolate Host'; asked if missing.")
    ] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole story once: alerts in, triage, the gate, containment, reports; then stop."""
    from soar.demo import running

    running.demo(answer=answer, data_dir=data_dir, as_json=as_json)
