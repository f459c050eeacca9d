import phantom.rules as phantom


def on_start(container):
    success, message, case = phantom.create_container(name="Campaign", container_type="case")
    assert phantom.merge(case=case, container_id=container["id"]) == (True, "merged")
