import phantom.rules as phantom


def on_start(container):
    phantom.format(
        container=container,
        template="%%\nblock {0}\n%%",
        parameters=["artifact:*.cef.sourceAddress"],
        name="lines",
    )
    assert phantom.get_format_data(name="lines") == "block 198.51.100.7\nblock 192.0.2.4"
    assert phantom.get_format_data(name="lines__as_list") == [
        "block 198.51.100.7",
        "block 192.0.2.4",
    ]
