"""
``debug``: a playbook played once on one container, told block by block.

In: a request: a text, a container, who answers. Out: one document: blocks with steps, commands.
Never: anything done: what a block asks for is written down, and answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from soar import catalog as catalogs
from soar.domain.redaction import masked
from soar.engine.program import functions_of, load, parse
from soar.testing.playing import Player
from soar.testing.pretending import AllThere, all_offered
from soar.testing.recording import Recording, assets_of, memory_of
from soar.testing.showing import as_json
from soar.testing.staging import Watched
from soar.testing.transcript import Transcript
from soar.testing.watching import ROWS


def debug(request: Mapping[str, Any]) -> dict[str, Any]:
    """
    Play a playbook and return what it did, block by block.

    A request names ``playbook`` and ``source``, and the ``container`` in Splunk's shape, or a
    ``recording`` that has one; ``playbooks`` and ``functions`` that may be called, by name; a
    ``transcript`` of answers by action, ``choices`` by prompt, ``assets``, ``inputs``, ``rows``.
    """
    name, source = str(request["playbook"]), str(request["source"])
    program = load(name, source)
    player = _player(request, {**(request.get("playbooks") or {}), name: source})
    at = _stage(request, player)
    player.play(at)
    lines = {f: node.lineno for f, node in functions_of(parse(name, source)).items()}
    blocks = [
        {**as_json(asdict(b)), "starts": lines.get(b.block) if b.playbook == program.name else None}
        for b in player.blocks
    ]
    return _shown({
        "playbook": program.name,
        "container": at.container["id"],
        "blocks": blocks,
        "answers": player.heard,
        "unrecorded": player.unrecorded,
        "errors": [{"block": b.block, "line": b.line, "error": b.error}
                   for b in player.blocks if b.error],
        "waits": [w.name for w in at.waiting],
        "stopped": player.stopped,
        "ends": _end(at),
    })  # fmt: skip


def _player(request: Mapping[str, Any], playbooks: Mapping[str, str]) -> Player:
    recorded = request.get("recording")
    return Player(
        playbooks=playbooks,
        functions=dict(request.get("functions") or {}),
        recording=Recording.read(recorded) if recorded else None,
        transcript=Transcript(
            seed=int(request.get("seed") or 1),
            written=request.get("transcript") or {},
            sources=playbooks,
        ),
        choices=dict(request.get("choices") or {}),
        made_up=True,
    )


def _stage(request: Mapping[str, Any], player: Player) -> Watched:
    recording, inputs = player.recording, request.get("inputs")
    name, source = str(request["playbook"]), str(request["source"])
    common: dict[str, Any] = {"program": load(name, source), "rows": request.get("rows") or ROWS}
    if recording is not None:
        return Watched(
            **common,
            memory=recording.memory(inputs),
            catalog=recording.catalog(),
            assets=recording.assets(),
            scope=recording.scope,
            now=recording.now,
            run_id=int(recording.run["id"]),
        )
    if inputs is None:
        inputs = player.transcript.inputs(name)
    return Watched(
        **common,
        memory=memory_of({**request, "run": {"playbook": name}}, inputs=inputs),
        catalog=all_offered(catalogs.load()),
        assets=AllThere(assets_of(request.get("assets") or ())),
    )


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with no secret in it."""
    found: dict[str, Any] = masked(document)
    return found


def _end(at: Watched) -> dict[str, Any]:
    """Return where the container stands when all is done, and what the playbook gives."""
    names = ("status", "severity", "label", "owner_name", "tags", "custom_fields")
    shape = at.container
    return {
        **{name: as_json(shape.get(name)) for name in names},
        "artifacts": len(shape["artifacts"]),
        "outputs": as_json(at.gave),
    }
