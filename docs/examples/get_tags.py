import phantom.rules as phantom


def on_start(container):
    phantom.add_tags(container, ["mail"])
    success, message, tags = phantom.get_tags(container=container)
    assert tags == ["mail"]
