import phantom.rules as phantom


def on_start(container):
    assets = phantom.get_assets(action="url reputation")
    phantom.act(
        "url reputation",
        parameters=[{"url": "http://bad.example/login"}],
        assets=assets,
        callback=judge,
    )


def judge(action, success, container, results, handle):
    assert results[0]["asset"] == "vt_prod"
