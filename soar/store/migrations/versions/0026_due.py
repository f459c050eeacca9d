"""due: called playbooks and custom functions that begin later"""

import sqlalchemy as sa
from alembic import op

revision = '0026'
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('playbook_run', sa.Column('due_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('function_call', sa.Column('due_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('function_call', 'due_at')
    op.drop_column('playbook_run', 'due_at')
