"""
The only room that speaks SQL.

In: values of the domain. Out: values of the domain, or rows as mappings for read models.
Never: a decision about playbooks or vendors.
"""
