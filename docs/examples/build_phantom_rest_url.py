import phantom.rules as phantom


def on_start(container):
    url = phantom.build_phantom_rest_url("decided_list", "allowed hosts")
    assert url == "https://127.0.0.1/rest/decided_list/allowed%20hosts"
