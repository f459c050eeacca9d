"""due calls"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0004'
branch_labels = None
depends_on = None

OPEN = sa.text("status in ('pending','running','parked')")
DUE = sa.text("status = 'parked' and parked_for = 'schedule'")


def upgrade() -> None:
    op.drop_index('ix_app_run_open', table_name='app_run', postgresql_where=OPEN)
    op.create_index('ix_app_run_open', 'app_run', ['status'], unique=False, postgresql_where=OPEN)
    op.create_index('ix_app_run_due', 'app_run', ['due_at'], unique=False, postgresql_where=DUE)


def downgrade() -> None:
    op.drop_index('ix_app_run_due', table_name='app_run', postgresql_where=DUE)
    op.drop_index('ix_app_run_open', table_name='app_run', postgresql_where=OPEN)
    op.create_index('ix_app_run_open', 'app_run', ['status', 'due_at'], unique=False, postgresql_where=OPEN)
