"""
Chaos: parent

In: any alert. Out: a sub-playbook, a callback after it, and a last word of on_finish.
Never: a vendor called by itself.
"""

import json

import phantom.rules as phantom


def on_start(container):
    """Let the other playbook look up."""
    phantom.playbook("chaos_lookups", container, name="child", callback=after)


def after(action, success, container, results, handle):
    """Write down what the sub-playbook brought, if it was not cancelled."""
    asked = results[0]["data"][0].get("asked") if success else None
    phantom.comment(container, json.dumps({"join": action["action_run_id"], "child": asked}))


def on_finish(container, summary):
    """Say once that the run ends."""
    phantom.comment(container, json.dumps({"finish": True}))
