import phantom.rules as phantom


def on_start(container):
    assert phantom.delete_artifact(2)
    assert [artifact["id"] for artifact in phantom.get_artifacts()] == [1]
