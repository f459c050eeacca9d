import phantom.rules as phantom


def on_start(container):
    phantom.save_object(key="seen:vt", value={"times": 1}, container_id=container["id"])
    (kept,) = phantom.get_object(key="seen:%", container_id=container["id"])
    assert kept["value"] == {"times": 1}
