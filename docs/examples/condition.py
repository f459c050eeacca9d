import phantom.rules as phantom


def on_start(container):
    artifacts, results = phantom.condition(
        container=container,
        conditions=[["artifact:*.cef.sourceAddress", "not in", "192.0.2.0/24"]],
        name="outside:condition_1",
    )
    assert artifacts == [1]
    rows = phantom.collect2(
        container=container,
        datapath=["filtered-data:outside:condition_1:artifact:*.cef.sourceAddress"],
    )
    assert rows == [["198.51.100.7"]]
