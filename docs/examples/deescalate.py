import phantom.rules as phantom


def on_start(container):
    phantom.deescalate(container)
    assert phantom.get_container(container["id"])["severity"] == "low"
