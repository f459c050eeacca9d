import phantom.rules as phantom


def on_start(container):
    phantom.save_object(key="seen:vt", value={"times": 1}, container_id=container["id"])
    phantom.clear_object(key="seen:%", container_id=container["id"])
    assert phantom.get_object(key="seen:vt", container_id=container["id"]) == []
