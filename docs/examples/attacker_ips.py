import phantom.rules as phantom


def on_start(container):
    assert phantom.attacker_ips(container) == ["198.51.100.7", "192.0.2.4"]
