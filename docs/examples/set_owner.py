import phantom.rules as phantom


def on_start(container):
    assert phantom.set_owner(container=container, user="ada")[0]
    assert phantom.get_container(container["id"])["owner_name"] == "ada"
