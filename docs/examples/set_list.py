import phantom.rules as phantom


def on_start(container):
    phantom.set_list(list_name="seen", values=["198.51.100.7", "192.0.2.4"])
    assert phantom.get_list("seen")[2] == [["198.51.100.7"], ["192.0.2.4"]]
