import phantom.rules as phantom


def on_start(container):
    assert phantom.get_artifact(container, "event")["id"] == 1
    assert phantom.get_artifact(container, "no such label") is None
