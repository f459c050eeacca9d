import phantom.rules as phantom


def on_start(container):
    assert phantom.close(container)[0]
    assert phantom.get_container(container["id"])["status"] == "closed"
