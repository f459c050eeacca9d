import phantom.rules as phantom


def on_start(container):
    if phantom.decision(
        container=container,
        conditions=[
            ["artifact:*.cef.requestURL", "!=", ""],
            ["artifact:*.cef.sourceAddress", "not in", "custom_list:allowed"],
        ],
        logical_operator="and",
    ):
        look_closer(container)


def look_closer(container):
    phantom.set_severity(container, "high")
