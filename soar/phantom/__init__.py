"""
Splunk-compatible faces: what ``import phantom.rules as phantom`` gives a playbook.

In: calls of playbook code, while a block runs. Out: commands on the desk of that block.
Never: I/O; what a block reads was laid on its desk before it began.
"""
