"""desk: open questions by addressee and in their one order, closed ones by time"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

OPEN = sa.text("status = 'open'")
CLOSED = sa.text("status <> 'open'")


def upgrade() -> None:
    op.drop_index('ix_approval_open', table_name='approval')
    op.create_index('ix_approval_open', 'approval', ['due_at', 'id'], unique=False, postgresql_where=OPEN)
    op.create_index(
        'ix_approval_open_of', 'approval', ['assignee', 'due_at', 'id'], unique=False,
        postgresql_where=sa.text('close_time is null'),
    )
    op.create_index(
        'ix_approval_open_special', 'approval', ['due_at', 'id'], unique=False,
        postgresql_where=sa.text('close_time is null and addressees <> \'{}\' and addressees <> array[assignee]'),
    )
    op.create_index('ix_approval_closed', 'approval', ['close_time', 'id'], unique=False, postgresql_where=CLOSED)


def downgrade() -> None:
    op.drop_index('ix_approval_closed', table_name='approval')
    op.drop_index('ix_approval_open_special', table_name='approval')
    op.drop_index('ix_approval_open_of', table_name='approval')
    op.drop_index('ix_approval_open', table_name='approval')
    op.create_index('ix_approval_open', 'approval', ['due_at'], unique=False, postgresql_where=OPEN)
