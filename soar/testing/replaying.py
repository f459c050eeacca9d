"""
``replay``: an edited playbook against what a run was answered; what would differ.

In: a recording, and the text of a playbook. Out: a :class:`Difference`.
Never: a vendor, a person or a server asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from soar.domain.redaction import masked
from soar.engine.program import functions_of, load, parse
from soar.testing.comparing import Difference, compare
from soar.testing.playing import Player
from soar.testing.recording import Recording
from soar.testing.showing import as_json
from soar.testing.staging import Watched
from soar.testing.transcript import Transcript

ASKS = frozenset({"act", "acts together", "prompt", "playbook", "custom function"})


def replay(
    recording: Any,
    source: str,
    *,
    transcript: Mapping[str, Any] | None = None,
    functions: Mapping[str, str] | None = None,
) -> Difference:
    """
    Play the text of a playbook against a recording, and return what would differ.

    *recording* is the document that ``soar playbook record`` writes. What was never recorded is a
    difference, and has failed; a *transcript* answers it by action, and *functions* are the texts
    of custom functions that are run where other inputs are given.
    """
    known = Recording.read(recording)
    now = play(known, source, transcript=transcript, functions=functions)
    found = compare({**known.document, **known.document["end"]}, now)
    return replace(found, notes=_notes(known))


def _notes(known: Recording) -> tuple[str, ...]:
    unlike = [f"the recording itself does not play as its run did: {u}" for u in known.unlike]
    if known.document.get("container_as") == "now":
        unlike.append("the container is as it was when the run was recorded, not when it began")
    return tuple(unlike)


def play(
    recording: Recording,
    source: str,
    *,
    transcript: Mapping[str, Any] | None = None,
    functions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Play a text against a recording; return its blocks and where it ended, as a document."""
    name = str(recording.run["playbook"])
    program = load(name, source)
    player = Player(
        recording=Recording(recording.document),
        transcript=Transcript(written=transcript or {}),
        functions=dict(functions or {}),
    )
    at = Watched(
        program=program,
        memory=recording.memory(),
        catalog=recording.catalog(),
        assets=recording.assets(),
        scope=recording.scope,
        now=recording.now,
        run_id=int(recording.run["id"]),
        look=False,
    )
    player.play(at)
    return ended(at, player, source)


def ended(at: Watched, player: Player, source: str) -> dict[str, Any]:
    """Return what a play came to."""
    tree = parse(at.program.name, source)
    return {
        "blocks": [{**as_json(asdict(block)), "run": list(block.run)} for block in player.blocks],
        "functions": list(functions_of(tree)),
        "container": as_json(at.container),
        "outputs": as_json(at.gave),
        "unrecorded": list(player.unrecorded),
        "waits": [w.name for w in at.waiting],
        "stopped": player.stopped,
    }


def complete(document: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return a recording with what its own playbook does in it, and in what that is unlike."""
    bare = {**document, "blocks": [], "end": {}}
    played = play(Recording.read(bare), source)
    blocks = masked(played.pop("blocks"))
    unlike = [f"{said} was not recorded" for said in played["unrecorded"]]
    unlike += _asked_otherwise(document, blocks)
    return {**bare, "blocks": blocks, "end": masked(played), "unlike": unlike}


def _asked_otherwise(document: Mapping[str, Any], blocks: list[dict[str, Any]]) -> list[str]:
    """Say which acts and prompts the play asked for and the run did not, or the other way round."""
    run = Counter(one["name"] for one in (*document["answers"], *document["standing"]))
    asked = Counter(
        command["name"]
        for block in blocks
        for command in block["commands"]
        if command["do"] in ASKS and not block["run"]
    )
    said = [f"{name!r} was asked {n} times more" for name, n in sorted((asked - run).items())]
    said += [f"{name!r} was asked {n} times less" for name, n in sorted((run - asked).items())]
    if not document["run"]["error"]:
        said += [block["error"] for block in blocks if block["error"]]
    return said
