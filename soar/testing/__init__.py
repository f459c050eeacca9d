"""
A stage for playbooks: tests in milliseconds, with no database, broker or vendor.

In: a playbook's text and a container. Out: a :class:`Dialogue`, which is told what happened and
says what the run asked for; or everything played through at once.
Never: a mock: the blocks, the plans and the results are the real ones.
"""

from soar.testing.autoplay import Cast, Mistake, Played, perform
from soar.testing.comparing import Change, Difference
from soar.testing.replaying import replay
from soar.testing.stage import Dialogue, Heard, Memory, alert, begin, on_stage

__all__ = [
    "Cast",
    "Change",
    "Dialogue",
    "Difference",
    "Heard",
    "Memory",
    "Mistake",
    "Played",
    "alert",
    "begin",
    "on_stage",
    "perform",
    "replay",
]
