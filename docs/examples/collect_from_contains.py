import phantom.rules as phantom


def on_start(container):
    addresses = phantom.collect_from_contains(container=container, contains=["ip"])
    assert addresses == ["198.51.100.7", "192.0.2.4", "10.0.0.5"]
