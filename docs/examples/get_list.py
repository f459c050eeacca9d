import phantom.rules as phantom


def on_start(container):
    success, message, rows = phantom.get_list(list_name="allowed")
    assert rows == [["192.0.2.4", "scanner"], ["10.0.0.0/8", "inside"]]
    success, message, found = phantom.get_list(list_name="allowed", values="inside")
    assert found == {"matches": [{"location": 1, "value": ["10.0.0.0/8", "inside"]}]}
