import phantom.rules as phantom


def on_start(container):
    phantom.act(
        "ip reputation",
        parameters=[{"ip": "192.0.2.250"}],
        assets=["vt_prod"],
        callback=judge,
    )


def judge(action, success, container, results, handle):
    assert not success
    (one,) = phantom.parse_errors(results)
    assert one["message"] == "the vendor does not know it"
