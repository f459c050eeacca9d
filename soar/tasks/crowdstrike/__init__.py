"""
CrowdStrike's room: isolate a host, release it, look it up.

In: parameters and an opened asset. Out: an output, or a failure named by what to do next.
Never: another vendor, a wait, or a containment of a host that was not named exactly.
"""
