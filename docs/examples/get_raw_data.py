import phantom.rules as phantom


def on_start(container):
    phantom.update(container, {"data": {"subject": "Your invoice"}})
    assert phantom.get_raw_data(container) == '{"subject": "Your invoice"}'
