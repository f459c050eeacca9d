import phantom.rules as phantom


def on_start(container):
    phantom.comment(container, f"written by run {phantom.get_playbook_run_id_()}")
