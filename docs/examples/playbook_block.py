import phantom.rules as phantom


@phantom.playbook_block()
def on_start(container):
    look_up(container=container)


@phantom.playbook_block()
def look_up(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    phantom.debug("look_up() called")
