import phantom.rules as phantom


def on_start(container):
    phantom.add_tags(container, ["mail", "urgent"])
    phantom.remove_tags(container=container, tags=["urgent"])
    assert phantom.get_tags(container)[2] == ["mail"]
