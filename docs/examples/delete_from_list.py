import phantom.rules as phantom


def on_start(container):
    done, message = phantom.delete_from_list("allowed", "192.0.2.4", remove_row=True)
    assert done
    assert phantom.get_list("allowed")[2] == [["10.0.0.0/8", "inside"]]
