"""
Chaos: two stages

In: an alert that names a host, and maybe for how many minutes. Out: lookups first, then its
isolation, held at the gate until somebody answers. Never: an isolation that was denied.
"""

import json

import phantom.rules as phantom


def on_start(container):
    """Look up first."""
    asked = phantom.get_artifacts(container_id=container["id"])[0]["cef"]
    lease = {"lease_minutes": asked["lease"]} if "lease" in asked else {}
    phantom.act(
        "domain reputation",
        assets=["virustotal_prod"],
        parameters=[{"domain": d} for d in asked["domains"]],
        callback=looked,
        name="first",
        handle={"hostname": asked["host"], **lease},
    )


def looked(action, success, container, results, handle):
    """Ask for the isolation of the host that was named."""
    write(action, container, results)
    phantom.act(
        "quarantine device",
        assets=["crowdstrike_prod"],
        parameters=[handle],
        callback=isolated,
        name="second",
    )


def isolated(action, success, container, results, handle):
    """Write down what came of it."""
    write(action, container, results)


def write(action, container, results):
    """Write down which results a callback saw."""
    members = sorted([r["app_run_id"], r["status"], r["message"]] for r in results)
    phantom.comment(container, json.dumps({"join": action["action_run_id"], "members": members}))
