import phantom.rules as phantom


def on_start(container):
    phantom.add_list(list_name="allowed", values=["192.0.2.9", "printer"])
    success, message, rows = phantom.get_list(list_name="allowed")
    assert rows[-1] == ["192.0.2.9", "printer"]
