import phantom.rules as phantom


def on_start(container):
    assert not phantom.actions_done(["ask_vt"])
    phantom.act(
        "ip reputation",
        parameters=[{"ip": "198.51.100.7"}],
        assets=["vt_prod"],
        name="ask_vt",
        callback=join,
    )


def join(action, success, container, results, handle):
    assert phantom.actions_done(["ask_vt"])
