import phantom.rules as phantom


def on_start(container):
    link = f"{phantom.get_base_url()}/mission/{container['id']}"
    assert link == "https://soar.example/mission/1"
