import phantom.rules as phantom


def on_start(container):
    assert phantom.get_effective_user() == 1
