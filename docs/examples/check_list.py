import phantom.rules as phantom


def on_start(container):
    success, message, count = phantom.check_list(list_name="allowed", value="SCANNER")
    assert (success, count) == (True, 1)
    success, message, count = phantom.check_list("allowed", "scan", substring=True)
    assert (success, count) == (True, 1)
    assert phantom.check_list(list_name="not there", value="x")[0] is False
