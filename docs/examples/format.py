import phantom.rules as phantom


def on_start(container):
    text = phantom.format(
        container=container,
        template="All: {0}\n%%\n- {0} asked for {1}\n%%",
        parameters=["artifact:*.cef.sourceAddress", "artifact:*.cef.requestURL"],
        name="lines",
    )
    assert text == (
        "All: 198.51.100.7, 192.0.2.4\n"
        "- 198.51.100.7 asked for http://bad.example/login\n"
        "- 192.0.2.4 asked for None"
    )
