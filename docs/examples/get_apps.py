import phantom.rules as phantom


def on_start(container):
    names = [app["name"] for app in phantom.get_apps(action="url reputation")]
    assert "VirusTotal" in names
