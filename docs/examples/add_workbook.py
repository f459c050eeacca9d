import phantom.rules as phantom


def on_start(container):
    success, message = phantom.add_workbook(container=container, workbook_id="Phishing")
    assert success
    assert phantom.add_workbook(container=container, workbook_id="No such") == (
        False,
        "there is no workbook template 'No such'",
    )
