import phantom.rules as phantom


def on_start(container):
    phantom.set_severity(container, "high")
    assert container["severity"] == "medium"  # as it was when the block began
    assert phantom.get_container(container["id"])["severity"] == "high"
