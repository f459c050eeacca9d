import phantom.rules as phantom


def on_start(container):
    phantom.set_severity(container=container, severity="high")
    assert phantom.get_container(container["id"])["severity"] == "high"
