import phantom.rules as phantom


def on_start(container):
    phantom.custom_function(
        custom_function="local/shorten",
        parameters=[{"text": "a long text"}, {"text": "another"}],
        name="shortened",
        callback=go_on,
    )


def go_on(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    rows = phantom.collect2(datapath=["shortened:custom_function_result.data.short"])
    assert rows == [["a lo"], ["anot"]]
