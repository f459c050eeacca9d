import phantom.rules as phantom


def on_start(container):
    phantom.act(
        "ip reputation",
        parameters=[{"ip": "198.51.100.7"}],
        assets=["vt_prod"],
        name="ask_vt",
        callback=judge,
    )


def judge(action, success, container, results, handle):
    (one,) = phantom.get_summary()["result"]
    assert (one["name"], one["status"], len(one["app_runs"])) == ("ask_vt", "success", 1)
