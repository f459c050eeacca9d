import phantom.rules as phantom


def on_start(container):
    key = phantom.save_data({"since": "Monday"})
    assert phantom.get_data(key) == {"since": "Monday"}
