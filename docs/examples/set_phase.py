import phantom.rules as phantom


def on_start(container):
    assert phantom.set_phase(container=container, phase="Contain") == (True, "phase set")
    assert phantom.set_phase(container=container, phase="No such")[0] is False
