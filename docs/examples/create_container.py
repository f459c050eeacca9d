import phantom.rules as phantom


def on_start(container):
    success, message, number = phantom.create_container(name="The second mail", label="phishing")
    assert success
    phantom.add_artifact(container=number, cef_data={"sourceAddress": "203.0.113.9"}, name="mail")
    assert phantom.get_container(number)["name"] == "The second mail"
