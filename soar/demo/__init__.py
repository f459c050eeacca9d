"""
One command on a bare machine: servers, lab, workers, http and Flower, up and down again.

In: a data directory, or the URLs of servers. Out: a running pool, and the demo's alerts at
their end. Never: a process left behind, or a step that needs root.
"""
