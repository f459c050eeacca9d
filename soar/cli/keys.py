"""
``soar vault`` and ``soar signing-key``: the keys of this installation.

In: nothing, or the vault with its newest key first. Out: new keys, secrets sealed again.
Never: a key file written over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, say
from soar.domain.errors import Conflict

app = typer.Typer(no_args_is_help=True)


@app.command("new-key", epilog="Examples:\n\nsoar vault new-key > vault.key")
def new_key(as_json: AsJson = False) -> None:
    """Print a new vault key; put it in front of the old ones, then rotate."""
    from soar import vault

    key = vault.new_key()
    say(as_json, {"key": key}, key)


@app.command("rotate")
def rotate(as_json: AsJson = False) -> None:
    """Seal the secrets of every asset, and of everybody's codes, again with the newest key."""
    from soar import inventory, users

    with entry.working() as (house, work):
        vault = house.vault()
        assets = work.assets.all()
        for asset in assets:
            inventory.rotate(work, asset, vault)
        people = users.rotate(work, vault)
    names = [asset.slug for asset in assets]
    told = f"{len(names)} assets and the codes of {len(people)} people are sealed"
    say(as_json, {"rotated": names, "people": people}, f"{told} with the newest key")


def signing_key(
    private: Annotated[Path, typer.Argument(help="New file for the private key.")],
    public: Annotated[Path, typer.Argument(help="New file for the public key.")],
    as_json: AsJson = False,
) -> None:
    """Make the key pair that signs answers: the private file is for its owner only."""
    from soar import signing

    for file in (private, public):
        if file.exists():
            raise Conflict(f"{file} exists: a key is never written over")
    public.parent.mkdir(parents=True, exist_ok=True)
    signing.generate(private, public)
    document = {"private": str(private), "public": str(public)}
    say(as_json, document, f"{private} (keep it secret) and {public} are written")
