import phantom.rules as phantom


def on_start(container):
    success, message, pin_id = phantom.pin(container=container, message="Country", data="Utopia")
    assert phantom.update_pin(pin_id, data="Arcadia") == (True, "pin updated")
