import phantom.rules as phantom


def on_start(container):
    phantom.datastore_add("allowed", ["192.0.2.9", "printer"])
    assert phantom.datastore_get("allowed")[-1] == ["192.0.2.9", "printer"]
