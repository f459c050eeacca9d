import phantom.rules as phantom


def on_start(container):
    rows = phantom.collect2(datapath=["artifact:*.cef.requestURL", "artifact:*.id"])
    parameters = [{"url": url, "context": {"artifact_id": at}} for url, at in rows if url]
    phantom.act(
        "url reputation",
        parameters=parameters,
        assets=["vt_prod"],
        name="ask_vt",
        callback=judge,
    )


def judge(action, success, container, results, handle):
    assert success
    assert results[0]["summary"]["malicious"] == 7
    assert results[0]["parameter"]["context"] == {"artifact_id": 1}
