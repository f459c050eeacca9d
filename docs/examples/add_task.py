import phantom.rules as phantom


def on_start(container):
    success, message, task_id = phantom.add_task(container=container, name="Ask the reporter")
    assert success
    assert task_id in [task["data"]["id"] for task in phantom.get_tasks(container=container)]
