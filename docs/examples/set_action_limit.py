import phantom.rules as phantom


def on_start(container):
    phantom.set_action_limit(300)
