import phantom.rules as phantom


def on_start(container):
    assert phantom.address_in_network("10.1.2.3", "10.0.0.0/8")
    assert not phantom.address_in_network("198.51.100.7", "10.0.0.0/8")
    assert not phantom.address_in_network("no address", "10.0.0.0/8")
