import phantom.rules as phantom


def on_start(container):
    made = phantom.Vault.create_attachment("a text", container["id"], file_name="note.txt")
    assert made["succeeded"]
    files = phantom.vault_info(vault_id=made["hash"])[2]
    assert [file["name"] for file in files] == ["note.txt"]
