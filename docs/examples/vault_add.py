import phantom.rules as phantom


def on_start(container):
    path = f"{phantom.vault.Vault.get_vault_tmp_dir()}/note.txt"
    with open(path, "w") as file:
        file.write("a text")
    done, message, vault_id = phantom.vault_add(container, path, "note.txt")
    assert done
    assert phantom.vault_info(vault_id=vault_id)[2][0]["name"] == "note.txt"
