import phantom.rules as phantom


def on_start(container):
    phantom.set_phase(container=container, phase="Contain")
    success, message, phase_id, phase_name = phantom.get_phase(container=container)
    assert (phase_id, phase_name) == (12, "Contain")
