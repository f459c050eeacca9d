import phantom.rules as phantom


def on_start(container, loop_state_json=None):
    again = loop_state_json or {"max_iterations": 3, "conditions": [["status", "==", "done"]]}
    phantom.act(
        "url reputation",
        parameters=[{"url": "http://bad.example/login"}],
        assets=["vt_prod"],
        name="ask",
        callback=asked,
        loop_state=phantom.LoopState(again).to_json(),
    )


def asked(action, success, container, results, handle, loop_state_json=None):
    state = phantom.LoopState(loop_state_json)
    if state.should_continue(container=container, results=results):
        state.increment()
        on_start(container, loop_state_json=state.to_json())
    else:
        ended(state)


def ended(state):
    assert state.current_iteration == 3
