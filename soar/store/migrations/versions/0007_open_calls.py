"""open calls"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

OPEN = sa.text("status in ('pending','running','parked')")


def upgrade() -> None:
    op.drop_index('ix_app_run_open', table_name='app_run', postgresql_where=OPEN)
    op.create_index('ix_app_run_open', 'app_run', ['status', 'id'], unique=False, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_index('ix_app_run_open', table_name='app_run', postgresql_where=OPEN)
    op.create_index('ix_app_run_open', 'app_run', ['status'], unique=False, postgresql_where=OPEN)
