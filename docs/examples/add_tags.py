import phantom.rules as phantom


def on_start(container):
    phantom.add_tags(container=container, tags=["mail", "urgent"])
    assert phantom.get_tags(container=container)[2] == ["mail", "urgent"]
