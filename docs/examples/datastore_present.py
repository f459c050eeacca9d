import phantom.rules as phantom


def on_start(container):
    found = phantom.datastore_present("allowed", "192.0.2.4")
    assert found == {"present": True, "matches": [["192.0.2.4", "scanner"]]}
