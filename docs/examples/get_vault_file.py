import phantom.rules as phantom


def on_start(container):
    vault_id = phantom.vault.Vault.create_attachment("a text", container["id"], "note.txt")[
        "vault_id"
    ]
    with phantom.get_vault_file(vault_id) as file:
        assert file.read() == b"a text"
