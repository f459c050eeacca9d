"""
The files of an import: of one playbook, a folder, a tar archive, or a git repository.

In: a path or a git URL. Out: the texts of its ``.py`` and ``.json`` files by their paths.
Never: a file outside of what was named, a link followed, or more than an import may hold.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from soar.domain.errors import BadInput, SoarError

ENDINGS = frozenset({".py", ".json"})
MOST_FILES = 20_000
LARGEST_FILE = 4 * 2**20
LARGEST = 256 * 2**20
GIT_SECONDS = 300
GIT_URL = ("https://", "http://", "ssh://", "git://", "file://", "git@")


class GitFailed(SoarError):
    """A git repository could not be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """Files as they were found, with the name of where they come from."""

    name: str
    files: Mapping[str, bytes]


def collect(source: str, *, branch: str = "") -> Bundle:
    """Return the files of a source: a file, a folder, an archive, or a git repository."""
    path = Path(source)
    if _is_git(source, path):
        return _cloned(source, branch)
    if path.is_dir():
        return Bundle(name=path.resolve().name, files=dict(_of_folder(path)))
    if not path.is_file():
        raise BadInput("path", f"{source} cannot be read: there is no such file or folder")
    if tarfile.is_tarfile(path):
        return Bundle(name=path.name.partition(".")[0], files=dict(_of_archive(path)))
    if path.suffix != ".py":
        raise BadInput("path", f"{path.name} must be a .py file, a folder, a .tgz or a repository")
    both = (path, path.with_suffix(".json"))
    return Bundle(name="", files={p.name: _read(p, p.name) for p in both if p.is_file()})


def _is_git(source: str, path: Path) -> bool:
    bare = (path / "HEAD").is_file() and (path / "objects").is_dir()
    return source.startswith(GIT_URL) or bare


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files below a folder; what is hidden or a link is passed over."""
    count, size = 0, 0
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_symlink() or not path.is_file() or path.suffix not in ENDINGS:
            continue
        if any(part.startswith(".") for part in inside.parts):
            continue
        content = _read(path, inside.as_posix())
        count, size = count + 1, size + len(content)
        _bounded(count, size)
        yield inside.as_posix(), content


def _of_archive(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a tar archive; one that would reach outside of it is refused whole."""
    count, size = 0, 0
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                count, size = count + 1, size + member.size
                _bounded(count, size)
                inside = _inside(member)
                if member.isdir() or inside.suffix not in ENDINGS:
                    continue
                if member.size > LARGEST_FILE:
                    raise _too_large(member.name)
                file = tar.extractfile(member)
                assert file is not None
                yield inside.as_posix(), file.read(LARGEST_FILE + 1)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadInput("path", f"{archive.name} is no archive that can be read: {error}") from None


def _inside(member: tarfile.TarInfo) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if not (member.isfile() or member.isdir()):
        raise BadInput("path", f"{member.name[:200]!r} in the archive is a link or a device")
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise BadInput("path", f"{member.name[:200]!r} in the archive leads out of it")
    return path


def _cloned(source: str, branch: str) -> Bundle:
    """Return the files of one branch of a git repository, by way of a folder that is removed."""
    with tempfile.TemporaryDirectory(prefix="soar-import-") as folder:
        wanted = ("--branch", branch) if branch else ()
        command = [
            "git",
            *("-c", "core.symlinks=false", "-c", "protocol.ext.allow=never"),
            *("clone", "--quiet", "--depth", "1", "--no-recurse-submodules", *wanted),
            *("--", source, folder),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program; the source follows "--"
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=GIT_SECONDS,
                start_new_session=True,
                check=False,
            )
        except FileNotFoundError:
            raise GitFailed("git is not installed: import a folder or an archive instead") from None
        except subprocess.TimeoutExpired:
            raise GitFailed(f"git took longer than {GIT_SECONDS} s") from None
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise GitFailed(f"git could not read {_shown(source)}: {said.replace(source, '…')}")
        name = source.rstrip("/").rpartition("/")[2].removesuffix(".git")
        return Bundle(name=name, files=dict(_of_folder(Path(folder))))


def _shown(source: str) -> str:
    """Return a source without the password that a URL may hold."""
    scheme, divider, rest = source.partition("://")
    return f"{scheme}{divider}{rest.rpartition('@')[2]}" if divider else source


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput("path", f"{name} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_FILE:
        raise _too_large(name)
    return content


def _too_large(name: str) -> BadInput:
    return BadInput("path", f"{name[:200]} is larger than {LARGEST_FILE // 2**20} MiB")


def _bounded(count: int, size: int) -> None:
    if count > MOST_FILES:
        raise BadInput("path", f"holds more than {MOST_FILES:,} files")
    if size > LARGEST:
        raise BadInput("path", f"holds more than {LARGEST // 2**20} MiB")
