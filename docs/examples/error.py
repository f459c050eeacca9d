import phantom.rules as phantom


def on_start(container):
    phantom.error("the list of our own hosts is older than a week")
