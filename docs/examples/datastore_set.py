import phantom.rules as phantom


def on_start(container):
    phantom.datastore_set("allowed", [["192.0.2.9", "printer"]])
    assert phantom.datastore_get("allowed") == [["192.0.2.9", "printer"]]
