import phantom.rules as phantom


def on_start(container):
    phantom.act(
        "ip reputation",
        parameters=[{"ip": "198.51.100.7"}, {"ip": "192.0.2.250"}],
        assets=["vt_prod"],
        callback=judge,
    )


def judge(action, success, container, results, handle):
    assert [one["status"] for one in phantom.parse_results(results)] == ["success", "failed"]
