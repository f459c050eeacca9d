import phantom.rules as phantom


def on_start(container):
    phantom.save_block_result(key="code_1:score", value=7)
    assert phantom.collect2(datapath=["code_1:custom_function:score"]) == [[7]]
