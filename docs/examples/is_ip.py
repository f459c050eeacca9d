import phantom.rules as phantom


def on_start(container):
    assert phantom.is_ip("2001:db8::1")
    assert not phantom.is_ip("198.51.100.700")
