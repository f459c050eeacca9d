"""
Vendor simulators for demo and tests, each accepted by the vendor's own SDK.

In: HTTP and LDAP calls in the vendors' own dialects, and fault switches for tests.
Out: the vendors' answers, errors and rate limits, with state that stays.
Never: imported by production rooms; only the demo, ``soar lab`` and tests start it.
"""
