import phantom.rules as phantom


def on_start(container):
    assert phantom.valid_net("10.0.0.0/8")
    assert not phantom.valid_net("10.0.0.0/64")
