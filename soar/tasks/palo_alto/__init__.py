"""
Palo Alto Networks' room: block and unblock addresses and URLs on a PAN-OS firewall.

In: parameters and an opened asset. Out: an output, or a failure named by what to do next.
Never: another vendor, a wait, or a commit of another administrator's changes.
"""
