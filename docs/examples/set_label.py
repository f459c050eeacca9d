import phantom.rules as phantom


def on_start(container):
    phantom.set_label(container=container, label="malware")
    assert phantom.get_container(container["id"])["label"] == "malware"
