"""
The files of containers, as a block attaches and opens them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from soar.domain.changes import AddFile, DeleteFiles
from tests.unit.phantom.conftest import Stage

SHA1 = hashlib.sha1(b"evil").hexdigest()


def test_a_file_is_attached_and_opened_by_its_vault_id(stage: Stage, tmp_path: Path) -> None:
    """
    The vault id is the SHA-1; the same block and the next one open the file by its path.
    """
    (tmp_path / "x.bin").write_bytes(b"evil")
    opened = """
        ok, message, files = phantom.vault_info(vault_id=vault_id)
        text = pathlib.Path(files[0]["path"]).read_text()
        told.append([ok, files[0]["name"], files[0]["size"], text])
    """

    told = stage.says(f"""
        ok, message, vault_id = phantom.vault_add(container=container, file_name="e.bin",
            file_location="{tmp_path}/x.bin", metadata={{"contains": ["pe file"]}})
        told.append([ok, vault_id])
        {opened.strip()}
    """)

    assert told == [[True, SHA1], [True, "e.bin", 4, "evil"]]
    (added,) = stage.asks
    assert isinstance(added, AddFile)
    assert (added.container_id, added.attachment_id, added.size) == (1, 101, 4)
    assert b"evil" not in repr(added).encode()
    (tmp_path / "x.bin").unlink()
    again = stage.says(f"vault_id = '{SHA1}'\n" + opened.replace("        ", ""))
    assert again == [[True, "e.bin", 4, "evil"]]


def test_a_file_that_is_not_there_is_not_attached(stage: Stage) -> None:
    """
    The block hears why, and goes on.
    """
    told = stage.says("told.append(phantom.vault_add(container, '/nowhere/x'))")

    assert told[0][0] is False
    assert told[0][1].startswith("no file was attached: ")
    assert [log.level for log in stage.asks] == ["error"]


def test_files_are_found_by_name_and_container(stage: Stage) -> None:
    """
    Without anything named, those of this container; without a path where none is wanted.
    """
    stage.says("phantom.vault.Vault.create_attachment('text', 1, file_name='a.txt')")

    told = stage.says("""
        told.append(phantom.vault_info(file_name="a.txt", container_id=1, download_file=False)[2])
        told.append(phantom.vault_info(container_id=2))
        told.append(len(phantom.get_vault_item_info(get_hashes=False)))
        told.append(phantom.get_vault_item_info()[0]["contains"])
        with phantom.get_vault_file(phantom.vault_info()[2][0]["vault_id"]) as file:
            told.append(file.read().decode())
        told.append(phantom.get_vault_file("0" * 40))
    """)

    assert [(f["name"], "path" in f) for f in told[0]] == [("a.txt", False)]
    assert told[1:] == [[False, "there is no such file", []], 1, ["vault id"], "text", None]


def test_a_file_is_removed_from_its_container(stage: Stage) -> None:
    """
    Its name is returned; a second time there is nothing to remove, nor without naming a file.
    """
    stage.says("phantom.vault.Vault.create_attachment(b'evil', file_name='e.bin')")

    told = stage.says(f"""
        told.append(phantom.vault_delete(container_id=1))
        told.append(phantom.vault_delete(vault_id="{SHA1}", container_id=1))
        told.append(phantom.vault_delete(vault_id="{SHA1}")[0])
    """)

    assert told[0][0] is False
    assert told[1:] == [[True, "1 files removed", ["e.bin"]], False]
    assert DeleteFiles(attachment_ids=(101,)) in stage.asks
    assert stage.shelf.stored == {}


def test_the_class_of_older_playbooks_reaches_the_same_files(stage: Stage) -> None:
    """
    ``from phantom.vault import Vault``, with Splunk's dictionaries.
    """
    told = stage.says("""
        from phantom.vault import Vault, vault_info
        made = Vault.create_attachment("x", container["id"], file_name="n")
        told.append([made["succeeded"], made["vault_id"]])
        told.append(Vault.get_file_info(vault_id=made["vault_id"])[0]["name"])
        told.append(vault_info(vault_id=made["vault_id"], download_file=False)[0])
        path = Vault.get_vault_tmp_dir() + "/report.html"
        pathlib.Path(path).write_text("<p>")
        told.append(Vault.add_attachment(path, 1, "r.html")["succeeded"])
    """)

    assert told[0] == [True, hashlib.sha1(b"x").hexdigest()]
    assert told[1:] == ["n", True, True]
