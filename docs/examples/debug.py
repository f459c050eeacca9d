import phantom.rules as phantom


def on_start(container):
    phantom.debug(f"container {container['id']} has {len(phantom.get_artifacts())} artifacts")
