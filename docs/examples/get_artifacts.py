import phantom.rules as phantom


def on_start(container):
    artifacts = phantom.get_artifacts()
    assert [artifact["id"] for artifact in artifacts] == [1, 2]
    success, message, artifacts = phantom.get_artifacts(container["id"], full_data=True)
    assert (success, message) == (True, "2 artifacts")
