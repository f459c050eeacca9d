import phantom.rules as phantom


def on_start(container):
    phantom.save_data({"since": "Monday"}, key="campaign")
    assert phantom.get_data("campaign", clear_data=False) == {"since": "Monday"}
    assert phantom.get_data("campaign") == {"since": "Monday"}
    assert phantom.get_data("campaign") is None
