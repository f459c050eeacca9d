import phantom.rules as phantom


def on_start(container):
    phantom.prompt2(
        container=container,
        user="event owner",
        message="Close this container?",
        respond_in_mins=30,
        name="ask",
        response_types=[
            {"prompt": "Close it?", "options": {"type": "list", "choices": ["Yes", "No"]}},
        ],
        callback=answered,
    )


def answered(action, success, container, results, handle):
    rows = phantom.collect2(
        container=container,
        datapath=["ask:action_result.status", "ask:action_result.summary.responses.0"],
        action_results=results,
    )
    assert rows == [["success", "Yes"]]
