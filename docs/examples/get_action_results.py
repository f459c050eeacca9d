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
    (one,) = phantom.get_action_results(action_name="ask_vt")
    assert (one["asset"], one["status"]) == ("vt_prod", "success")
    assert one["data"] == [{"engine": "first"}, {"engine": "second"}]
