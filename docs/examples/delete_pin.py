import phantom.rules as phantom


def on_start(container):
    success, message, pin_id = phantom.pin(container=container, message="Country", data="Utopia")
    assert phantom.delete_pin(pin_id) == (True, "pin removed")
