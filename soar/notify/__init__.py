"""
Tells people of approvals by e-mail, Slack and webhook, and hears answers that come back.

In: notices that an event has planned; requests to the hooks. Out: messages; signed answers,
through ``soar.approvals`` alone.
Never: a decision by link, button or signature: those only identify. A person decides.
"""
