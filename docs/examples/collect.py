import phantom.rules as phantom


def on_start(container):
    addresses = phantom.collect(container, "artifact:*.cef.sourceAddress")
    assert addresses == ["198.51.100.7", "192.0.2.4"]
    rows = phantom.collect(container, ["artifact:*.cef.requestURL", "artifact:*.id"])
    assert rows == [["http://bad.example/login", 1], [None, 2]]
