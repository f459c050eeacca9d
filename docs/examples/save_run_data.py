import json

import phantom.rules as phantom


def on_start(container):
    phantom.save_run_data(key="code_1:score", value=json.dumps(7))
    assert phantom.collect2(datapath=["code_1:custom_function:score"]) == [[7]]
