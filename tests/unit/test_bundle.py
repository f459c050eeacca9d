"""
Where imports come from, and what is in them: files, folders, archives, git; nothing outside.

In: files of the test. Out: nothing. Never: a network.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from soar import bringing, bundle, library, sidecar
from soar.bundle import Bundle
from soar.domain.errors import BadInput

PLAYBOOK = (
    '"""\nBlocks\n"""\nimport phantom.rules as phantom\n\ndef on_start(container):\n    pass\n'
)
FUNCTION = "def double(number=None, **kwargs):\n    return {'value': number * 2}\n"
COA = {
    "blockly": False,
    "category": "Use Cases",
    "coa": {
        "data": {"description": "Blocks it.", "nodes": {}},
        "input_spec": [{"name": "ip", "contains": ["ip"], "description": ""}],
        "output_spec": [{"name": "out", "datapaths": []}],
        "playbook_type": "data",
        "python_version": "3",
        "schema": "5.0.8",
        "version": "6.0.1.1",
    },
    "create_time": "2023-08-17T18:46:35.895213+00:00",
    "draft_mode": False,
    "labels": ["*"],
    "tags": ["block"],
}
OF_FUNCTION = {
    "description": "Doubles.",
    "draft_mode": False,
    "inputs": [{"name": "number", "input_type": "item"}],
    "outputs": [{"data_path": "value"}],
    "python_version": "3",
}
FILES = {
    "block.py": PLAYBOOK,
    "block.json": json.dumps(COA),
    "custom_functions/double.py": FUNCTION,
    "custom_functions/double.json": json.dumps(OF_FUNCTION),
    "custom_lists/allowed.json": json.dumps(["192.0.2.1", ["192.0.2.2", "x"]]),
    "tools/helper.py": "print('never run')\n",
    "README.md": "no playbook",
}


def write(folder: Path) -> Path:
    """Write the files of an export."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def packed(folder: Path, *members: tuple[str, Any]) -> Path:
    """Return an archive of these members: a text, or a ready TarInfo."""
    path = folder / "export.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = content.encode() if isinstance(content, str) else b""
            info.size = len(data) or info.size
            tar.addfile(info, io.BytesIO(data) if data else None)
    return path


def check_whole(found: Bundle) -> None:
    """Tell that everything of an export is there."""
    brought = bringing.read(found)

    assert [*brought.playbooks] == ["block"]
    assert [*brought.functions] == ["double"]
    assert brought.lists == {"allowed": [["192.0.2.1"], ["192.0.2.2", "x"]]}
    assert brought.refused == {}


def test_a_folder_is_read_without_what_is_hidden_or_a_link(tmp_path: Path) -> None:
    """
    Links are passed over: they lead out.
    """
    folder = write(tmp_path / "export")
    (folder / ".git").mkdir()
    (folder / ".git" / "hidden.py").write_text(PLAYBOOK)
    (folder / "link.py").symlink_to("/etc/hostname")

    check_whole(bundle.collect(str(folder)))


def test_an_archive_is_read(tmp_path: Path) -> None:
    """
    Members of other kinds than texts are left where they are.
    """
    check_whole(bundle.collect(str(packed(tmp_path, *FILES.items()))))


def _link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("x.py")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def _large(size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo("x.py")
    info.size = size
    return info


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("../x.py", "x", "leads out of it"),
        ("/x.py", "x", "leads out of it"),
        ("a/../../x.py", "x", "leads out of it"),
        ("x.py", _link(tarfile.SYMTYPE), "is a link or a device"),
        ("x.py", _link(tarfile.LNKTYPE), "is a link or a device"),
        ("x.py", _link(tarfile.FIFOTYPE), "is a link or a device"),
    ],
)
def test_an_archive_that_reaches_out_is_refused(
    tmp_path: Path, name: str, content: Any, sentence: str
) -> None:
    """
    The whole archive, in one sentence with the member's name.
    """
    with pytest.raises(BadInput, match=sentence):
        bundle.collect(str(packed(tmp_path, ("ok.py", PLAYBOOK), (name, content))))


def test_what_is_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Too many files, too many bytes, one file that is too large; a broken archive.
    """
    archive = packed(tmp_path, *FILES.items())
    for name, most in (("MOST_FILES", 2), ("LARGEST", 100), ("LARGEST_FILE", 50)):
        with monkeypatch.context() as patch:
            patch.setattr(bundle, name, most)
            for source in (archive, write(tmp_path / "export")):
                with pytest.raises(BadInput, match=r"holds more than|is larger than"):
                    bundle.collect(str(source))
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(BadInput, match=r"no archive|must be a \.py file"):
        bundle.collect(str(archive))


def test_a_git_repository_is_read_by_its_branch(tmp_path: Path) -> None:
    """
    A bare one by its path, any by a URL; what is not there says what git says.
    """
    work, bare = write(tmp_path / "work"), tmp_path / "bare.git"
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@one.example")
    for command in (
        (*git, "init", "--quiet", "-b", "6.3", str(work)),
        (*git, "-C", str(work), "add", "."),
        (*git, "-C", str(work), "commit", "--quiet", "-m", "x"),
        (*git, "clone", "--quiet", "--bare", str(work), str(bare)),
    ):
        subprocess.run(command, check=True, capture_output=True)

    check_whole(bundle.collect(str(bare)))
    check_whole(bundle.collect(f"file://{work}", branch="6.3"))
    with pytest.raises(bundle.GitFailed, match="Remote branch 7 not found"):
        bundle.collect(f"file://{work}", branch="7")
    with pytest.raises(bundle.GitFailed) as failed:
        bundle.collect("file://ada:s3cret@/nowhere/at/all")
    assert "s3cret" not in str(failed.value)


def test_the_sidecar_of_an_editor_says_what_means_something_here(tmp_path: Path) -> None:
    """
    Labels, inputs, outputs, category, tags, kind; the day it was saved is its version.
    """
    found = library.read(write(tmp_path) / "block.py")

    assert (found.name, found.title, found.version) == ("block", "Blocks", "2023-08-17")
    assert (found.labels, found.description) == (("*",), "Blocks it.")
    assert found.more == {
        "kind": "input",
        "inputs": COA["coa"]["input_spec"],  # type: ignore[index]
        "outputs": COA["coa"]["output_spec"],  # type: ignore[index]
        "category": "Use Cases",
        "tags": ["block"],
        "python_version": "3",
        "from": "splunk",
    }


def test_the_sidecar_of_a_function_is_told_from_that_of_a_playbook() -> None:
    """
    Inputs and outputs, and no graph of blocks.
    """
    assert sidecar.is_of_function(OF_FUNCTION)
    assert not sidecar.is_of_function(COA)
    found = sidecar.read_function("double", json.dumps(OF_FUNCTION))
    assert (found.description, found.draft) == ("Doubles.", False)
    assert found.inputs == ({"name": "number", "input_type": "item"},)


def test_one_file_that_cannot_be_used_does_not_keep_the_others_out() -> None:
    """
    Each is refused with its reason: syntax, encoding, a name that is there twice, no function.
    """
    found = bringing.read(
        Bundle(
            name="x",
            files={
                "a/good.py": PLAYBOOK.encode(),
                "b/good.py": PLAYBOOK.encode(),
                "bad.py": b"def on_start(c)\n",
                "binary.py": b"\xff\xfe",
                "custom_functions/empty.py": b"x = 1\n",
                "custom_lists/bad.json": b"{}",
                "no\xa0name.py": PLAYBOOK.encode(),
            },
        )
    )

    assert [*found.playbooks] == ["good"]
    reasons = {path: why.partition(":")[2].strip()[:28] for path, why in found.refused.items()}
    assert reasons == {
        "b/good.py": "'good' is there twice: names",
        "bad.py": "playbook 'bad', line 1: expe",
        "binary.py": "binary.py cannot be read: it",
        "custom_functions/empty.py": "empty.py defines no function",
        "custom_lists/bad.json": "bad.json must hold a list of",
        "no\xa0name.py": "'no\\xa0name' must be letters",
    }
