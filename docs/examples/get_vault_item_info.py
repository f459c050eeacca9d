import phantom.rules as phantom


def on_start(container):
    vault_id = phantom.vault.Vault.create_attachment("a text", container["id"], "note.txt")[
        "vault_id"
    ]
    (info,) = phantom.get_vault_item_info(vault_id)
    assert (info["name"], info["size"]) == ("note.txt", 6)
