import phantom.rules as phantom


def on_start(container):
    phantom.set_sensitivity(container=container, sensitivity="red")
    assert phantom.get_container(container["id"])["sensitivity"] == "red"
