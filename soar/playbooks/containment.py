"""
Containment

In: a case whose alert names a host or an account. Out: what an analyst chose, done and noted.
Never: anything contained without an answer; no answer in time contains nothing and says so.
"""

import phantom.rules as phantom

from soar.domain import indicators

MINUTES = 15


def on_start(container):
    """Ask Tier 2 what to contain, offering only what there is."""
    artifacts = phantom.get_artifacts(container_id=container["id"])
    hosts = indicators.named(artifacts, "sourceHostName", "destinationHostName")
    users = indicators.named(artifacts, "sourceUserName", "destinationUserName")
    if not hosts and not users:
        phantom.comment(container, "The alert names no host and no account to contain.")
        return
    phantom.prompt(
        container=container,
        user="soc_tier2",
        message=question(container, hosts, users),
        respond_in_mins=MINUTES,
        name="containment",
        options=options(hosts, users),
        # What was asked is what will be done, whatever is added to the case in between.
        handle={"hosts": hosts, "users": users},
        callback=execute_containment,
    )


def question(container, hosts, users):
    """Say what was found, and whom an answer would hit."""
    found = container["custom_fields"].get("threat") or container["name"]
    return (
        "Confirmed malicious activity detected.\n"
        f"Host: {', '.join(hosts) or 'none named'}\n"
        f"User: {', '.join(users) or 'none named'}\n"
        f"Threat: {found}\n\n"
        "Select containment action:"
    )


def options(hosts, users):
    """Return the choices that mean something here."""
    offered = ["Isolate Host"] if hosts else []
    offered += ["Disable Account"] if users else []
    offered += ["Both"] if hosts and users else []
    return [*offered, "Monitor Only"]


def execute_containment(action, success, container, results, handle):
    """Do what the analyst chose, and nothing else."""
    response = results.get("response")
    phantom.save_playbook_output_data({"response": response or ""})
    if not success or response is None:
        phantom.comment(container, f"Nobody answered in {MINUTES} minutes: nothing was contained.")
        return
    if response in ("Isolate Host", "Both"):
        phantom.act(
            "quarantine device",
            parameters=[{"hostname": host} for host in handle["hosts"]],
            assets=["crowdstrike_prod"],
            callback=contained,
            name="isolate_host",
        )
    if response in ("Disable Account", "Both"):
        phantom.act(
            "disable user",
            parameters=[{"username": user} for user in handle["users"]],
            assets=["ad_prod"],
            callback=contained,
            name="disable_account",
        )
    phantom.comment(container, f"Analyst chose: {response}")


def contained(action, success, container, results, handle):
    """Note for each host or account what came of it."""
    for result in results:
        outcome = "done" if result["status"] == "success" else "FAILED"
        phantom.comment(container, f"{result['action']} {outcome}: {result['message']}")
