import phantom.rules as phantom


def on_start(container):
    assert phantom.valid_ip("198.51.100.7")
    assert not phantom.valid_ip("bad.example")
