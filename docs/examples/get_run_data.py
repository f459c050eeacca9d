import phantom.rules as phantom


def on_start(container):
    assert phantom.get_run_data(key="seen") == ""
    phantom.save_run_data(key="seen", value="yes")
    assert phantom.get_run_data(key="seen") == "yes"
