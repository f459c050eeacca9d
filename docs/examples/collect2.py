import phantom.rules as phantom


def on_start(container):
    rows = phantom.collect2(
        container=container,
        datapath=["artifact:*.cef.sourceAddress", "artifact:*.cef.requestURL", "artifact:*.id"],
    )
    assert rows == [
        ["198.51.100.7", "http://bad.example/login", 1],
        ["192.0.2.4", None, 2],
    ]
    phantom.act(
        "ip reputation",
        parameters=[{"ip": ip} for ip, url, number in rows],
        assets=["vt_prod"],
        name="ask_vt",
        callback=judge,
    )


def judge(action, success, container, results, handle):
    rows = phantom.collect2(
        container=container,
        datapath=[
            "ask_vt:action_result.parameter.ip",
            "ask_vt:action_result.summary.malicious",
            "ask_vt:action_result.data.*.engine",
        ],
        action_results=results,
    )
    assert rows == [
        ["198.51.100.7", 7, "first"],
        ["198.51.100.7", 7, "second"],
        ["192.0.2.4", 0, "first"],
        ["192.0.2.4", 0, "second"],
    ]
