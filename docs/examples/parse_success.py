import phantom.rules as phantom


def on_start(container):
    phantom.act(
        "ip reputation",
        parameters=[{"ip": "198.51.100.7"}],
        assets=["vt_prod"],
        callback=judge,
    )


def judge(action, success, container, results, handle):
    assert phantom.parse_success(results) == [{"engine": "first"}, {"engine": "second"}]
