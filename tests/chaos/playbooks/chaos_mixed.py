"""
Chaos: mixed

In: an alert with an address to block. Out: a block, a ticket and lookups in one chord.
Never: an action that needs an answer.
"""

import json

import phantom.rules as phantom


def on_start(container):
    """Block, open a ticket and look up, all in one chord."""
    asked = phantom.get_artifacts(container_id=container["id"])[0]["cef"]
    phantom.act_together(
        [
            {
                "action": "block ip",
                "assets": ["palo_alto_prod"],
                "parameters": [{"ip": asked["block"]}],
            },
            {
                "action": "create ticket",
                "assets": ["servicenow_prod"],
                "parameters": [{"short_description": container["name"]}],
            },
            {
                "action": "domain reputation",
                "assets": ["virustotal_prod"],
                "parameters": [{"domain": d} for d in asked["domains"]],
            },
        ],
        callback=told,
        name="mixed",
    )


def told(action, success, container, results, handle):
    """Write down what came of each call."""
    members = sorted([r["app_run_id"], r["status"], r["message"]] for r in results)
    phantom.comment(container, json.dumps({"join": action["action_run_id"], "members": members}))
