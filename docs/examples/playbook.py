import phantom.rules as phantom


def on_start(container):
    phantom.playbook(
        "local/enrich",
        container=container,
        name="enriched",
        inputs={"url": ["http://bad.example/login"]},
        callback=judge,
    )


def judge(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    assert phantom.collect2(datapath=["enriched:playbook_output:verdict"]) == [["bad"]]
