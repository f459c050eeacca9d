import phantom.rules as phantom


def on_start(container):
    phantom.task(user="ada", message="Ring the person who reported it", name="ring", callback=done)


def done(action, success, container, results, handle):
    assert results.get("response") == "done"
