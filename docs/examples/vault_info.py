import phantom.rules as phantom


def on_start(container):
    phantom.vault.Vault.create_attachment("a text", container["id"], "note.txt")
    success, message, files = phantom.vault_info(container_id=container["id"])
    with open(files[0]["path"]) as file:
        assert file.read() == "a text"
