import phantom.rules as phantom


def on_start(container):
    phantom.comment(container=container, comment="A mail with a link to bad.example was reported.")
