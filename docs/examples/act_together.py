import phantom.rules as phantom


def on_start(container):
    phantom.act_together(
        [
            {
                "action": "url reputation",
                "parameters": [{"url": "http://bad.example/login"}],
                "assets": ["vt_prod"],
            },
            {
                "action": "ip reputation",
                "parameters": [{"ip": "198.51.100.7"}],
                "assets": ["vt_prod"],
            },
        ],
        callback=judge,
        name="lookups",
    )


def judge(action, success, container, results, handle):
    assert [r["action"] for r in results] == ["url reputation", "ip reputation"]
