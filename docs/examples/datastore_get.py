import phantom.rules as phantom


def on_start(container):
    assert phantom.datastore_get("allowed") == [["192.0.2.4", "scanner"], ["10.0.0.0/8", "inside"]]
    assert phantom.datastore_get("not there") == []
