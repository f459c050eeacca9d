import phantom.rules as phantom


def on_start(container):
    assert phantom.victim_ips(container) == ["10.0.0.5"]
