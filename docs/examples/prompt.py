import phantom.rules as phantom


def on_start(container):
    phantom.prompt(
        container=container,
        user="ada",
        message="Block {0}?",
        parameters=["artifact:*.cef.requestURL"],
        respond_in_mins=60,
        name="ask",
        options=["Yes", "No"],
        callback=answered,
    )


def answered(action, success, container, results, handle):
    assert success
    assert results.get("response") == "Yes"
