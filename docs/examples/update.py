import phantom.rules as phantom


def on_start(container):
    done, message = phantom.update(container, {"custom_fields": {"campaign": "invoice"}})
    assert done
    assert phantom.get_container(container["id"])["custom_fields"] == {"campaign": "invoice"}
