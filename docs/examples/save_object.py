import phantom.rules as phantom


def on_start(container):
    phantom.save_object(key="last", value=[1, 2], playbook_name="tested")
    assert phantom.get_object(key="last", playbook_name="tested")[0]["value"] == [1, 2]
