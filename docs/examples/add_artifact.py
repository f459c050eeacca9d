import phantom.rules as phantom


def on_start(container):
    done, message, artifact_id = phantom.add_artifact(
        container=container,
        name="second address",
        label="event",
        cef_data={"sourceAddress": "203.0.113.9"},
        field_mapping={"sourceAddress": ["ip"]},
    )
    assert done
    assert phantom.get_artifact(artifact_id)["cef"] == {"sourceAddress": "203.0.113.9"}
