import phantom.rules as phantom


def on_start(container):
    for name, ip in (("first", "198.51.100.7"), ("second", "192.0.2.4")):
        phantom.act(
            "ip reputation",
            parameters=[{"ip": ip}],
            assets=["vt_prod"],
            name=name,
            callback=join_both,
        )


def join_both(action, success, container, results, handle):
    if phantom.completed(action_names=["first", "second"]):
        both_known()


def both_known():
    phantom.debug("this is called once, after both")
