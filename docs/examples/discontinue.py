import phantom.rules as phantom


def on_start(container):
    if phantom.decision(conditions=[["container:label", "==", "phishing"]]):
        phantom.discontinue()
