import phantom.rules as phantom


def on_start(container):
    success, message = phantom.promote(container=container, template="Phishing")
    assert message == "promoted with the workbook 'Phishing'"
