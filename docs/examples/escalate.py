import phantom.rules as phantom


def on_start(container):
    phantom.escalate(container)
    assert phantom.get_container(container["id"])["severity"] == "high"
