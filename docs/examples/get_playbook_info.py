import phantom.rules as phantom


def on_start(container):
    info = phantom.get_playbook_info()
    assert info[0]["name"] == "tested"
