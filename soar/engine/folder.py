"""
The folder of one block: files that it opens by path, and those that it writes.

In: names and bytes. Out: paths, and bytes read back. Never: a file that outlives its block.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from soar.domain.errors import BadInput

LARGEST = 32 * 1024 * 1024
"""Bytes of one file that a block may open or attach."""
UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass
class Folder:
    """A temporary folder, made when it is first needed."""

    path: Path | None = None
    laid: dict[int, str] = field(default_factory=dict)

    def place(self) -> str:
        """Return where it is."""
        if self.path is None:
            self.path = Path(tempfile.mkdtemp(prefix="soar-block-"))
        return str(self.path)

    def lay(self, number: int, name: str, compressed: bytes) -> str:
        """Write a file under its own number, and return its path."""
        if number not in self.laid:
            unpack = zlib.decompressobj()
            content = unpack.decompress(compressed, LARGEST)
            if unpack.unconsumed_tail:
                raise BadInput("vault_id", f"{name!r} is larger than {LARGEST // 2**20} MiB")
            folder = Path(self.place()) / str(number)
            folder.mkdir(exist_ok=True)
            file = folder / (UNFIT.sub("_", name).strip(".")[-100:] or "file")
            file.write_bytes(content)
            self.laid[number] = str(file)
        return self.laid[number]

    def read(self, path: str) -> bytes:
        """Return what stands in a file that the block has written."""
        try:
            with Path(path).open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise BadInput("file_location", f"cannot be read: {error.strerror}") from None
        if len(content) > LARGEST:
            raise BadInput("file_location", f"is larger than {LARGEST // 2**20} MiB")
        return content

    def clear(self) -> None:
        """Remove it with all that is in it."""
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            self.path = None
            self.laid.clear()
