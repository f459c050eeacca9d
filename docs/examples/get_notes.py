import phantom.rules as phantom


def on_start(container):
    phantom.add_note(container=container, title="First", content="A text")
    notes = phantom.get_notes(container=container)
    assert [note["data"]["title"] for note in notes] == ["First"]
