import phantom.rules as phantom


def on_start(container):
    phantom.remove_list(list_name="allowed", empty_list=True)
    assert phantom.get_list("allowed")[2] == []
    phantom.remove_list(list_name="allowed")
    assert phantom.get_list("allowed")[0] is False
