import phantom.rules as phantom


def on_start(container):
    success, message, pin_id = phantom.pin(
        container=container,
        message="Engines that call it malicious",
        data="7",
        pin_type="card",
        pin_style="red",
        name="engines",
    )
    assert success
    again = phantom.pin(container=container, message="Engines", data="9", name="engines")
    assert again == (True, "pin updated", pin_id)
