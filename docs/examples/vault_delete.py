import phantom.rules as phantom


def on_start(container):
    phantom.vault.Vault.create_attachment("a text", container["id"], "note.txt")
    success, message, names = phantom.vault_delete(file_name="note.txt")
    assert names == ["note.txt"]
