import phantom.rules as phantom


def on_start(container):
    phantom.set_status(container=container, status="open")
    assert phantom.get_container(container["id"])["status"] == "open"
