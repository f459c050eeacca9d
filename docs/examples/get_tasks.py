import phantom.rules as phantom


def on_start(container):
    for task in phantom.get_tasks(container=container):
        assert task["success"]
        assert task["data"]["name"] == "Call the reporter"
