"""
The tables of cases and of what playbooks keep: each stands beside its queries.

In: nothing. Out: tables, registered with the others. Never: a table defined here.
"""

from __future__ import annotations

from soar.store.custom_lists import decided_list as decided_list
from soar.store.deeds import block_deed as block_deed
from soar.store.deeds import run_token as run_token
from soar.store.pins import pin as pin
from soar.store.saved_objects import saved_object as saved_object
from soar.store.workbooks import workbook_phase as workbook_phase
from soar.store.workbooks import workbook_task as workbook_task
from soar.store.workbooks import workbook_template as workbook_template
