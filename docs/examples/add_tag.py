import phantom.rules as phantom


def on_start(container):
    phantom.add_tag(container=container, tag="seen")
    assert phantom.get_tags(container=container)[2] == ["seen"]
