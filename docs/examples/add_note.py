import phantom.rules as phantom


def on_start(container):
    success, message, note_id = phantom.add_note(
        container=container,
        note_type="general",
        note_format="markdown",
        title="What we know",
        content="The address was seen **twice**.",
    )
    assert success
    assert phantom.get_notes(container=container)[0]["data"]["id"] == note_id
