import phantom.rules as phantom


def on_start(container):
    assert phantom.get_current_container_id_() == container["id"]
