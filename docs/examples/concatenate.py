import phantom.rules as phantom


def on_start(container):
    assert phantom.concatenate([1, 2], [2, 3], 4) == [1, 2, 2, 3, 4]
    assert phantom.concatenate([1, 2], [2, 3], dedup=True) == [1, 2, 3]
