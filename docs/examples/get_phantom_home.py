import phantom.rules as phantom


def on_start(container):
    phantom.debug(f"installed in {phantom.get_phantom_home()}")
