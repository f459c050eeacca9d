"""
Chaos: lookups

In: an alert with domains and addresses. Out: one verdict over all of its lookups, and what the
callback saw of them. Never: a write at a vendor.
"""

import json

import phantom.rules as phantom


def on_start(container):
    """Look everything up at once; one callback hears all answers."""
    asked = phantom.get_artifacts(container_id=container["id"])[0]["cef"]
    phantom.act_together(
        [
            {
                "action": "domain reputation",
                "assets": ["virustotal_prod"],
                "parameters": [{"domain": d} for d in asked["domains"]],
            },
            {
                "action": "domain reputation",
                "assets": ["limited"],
                "parameters": [{"domain": d} for d in asked["limited"]],
            },
            {
                "action": "domain reputation",
                "assets": ["few"],
                "parameters": [{"domain": d} for d in asked["few"]],
            },
            {
                "action": "geolocate ip",
                "assets": ["maxmind_prod"],
                "parameters": [{"ip": ip} for ip in asked["addresses"]],
            },
        ],
        callback=verdict,
        name="lookups",
    )


def verdict(action, success, container, results, handle):
    """Write down which results this verdict is about."""
    members = sorted([r["app_run_id"], r["status"], r["message"]] for r in results)
    phantom.save_playbook_output_data({"asked": len(members)})
    phantom.comment(container, json.dumps({"join": action["action_run_id"], "members": members}))
