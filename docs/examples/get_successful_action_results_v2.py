import phantom.rules as phantom


def on_start(container):
    phantom.act(
        "ip reputation",
        parameters=[{"ip": "198.51.100.7"}],
        assets=["vt_prod"],
        callback=judge,
    )


def judge(action, success, container, results, handle):
    (one,) = phantom.get_successful_action_results_v2(results)
    assert one["parameter"]["ip"] == "198.51.100.7"
