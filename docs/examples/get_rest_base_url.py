import phantom.rules as phantom


def on_start(container):
    base = phantom.get_rest_base_url()
    assert phantom.build_phantom_rest_url("container", 1) == f"{base}container/1"
