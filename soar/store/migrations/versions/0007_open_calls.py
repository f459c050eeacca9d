"""open calls"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

OPEN = sa.text("status in ('pending','running','parked')")
RELEASED = sa.text("status = 'pending' and lane_since is not null")
PENDING = sa.text("status = 'pending'")
RUNNING = sa.text("status = 'running'")
FOLLOWED = sa.text('follows is not null')
FOLLOWS = sa.text("status = 'parked' and follows is not null")


def upgrade() -> None:
    op.drop_index('ix_app_run_open', table_name='app_run', postgresql_where=OPEN)
    op.drop_index('ix_app_run_released', table_name='app_run', postgresql_where=RELEASED)
    op.drop_index('ix_app_run_follows', table_name='app_run', postgresql_where=FOLLOWED)
    op.create_index('ix_app_run_asset', 'app_run', ['asset', 'status'], unique=False)
    op.create_index('ix_app_run_pending', 'app_run', ['id'], unique=False, postgresql_where=PENDING)
    op.create_index('ix_app_run_running', 'app_run', ['id'], unique=False, postgresql_where=RUNNING)
    op.create_index('ix_app_run_follows', 'app_run', ['follows'], unique=False, postgresql_where=FOLLOWS)


def downgrade() -> None:
    op.drop_index('ix_app_run_follows', table_name='app_run', postgresql_where=FOLLOWS)
    op.drop_index('ix_app_run_running', table_name='app_run', postgresql_where=RUNNING)
    op.drop_index('ix_app_run_pending', table_name='app_run', postgresql_where=PENDING)
    op.drop_index('ix_app_run_asset', table_name='app_run')
    op.create_index('ix_app_run_follows', 'app_run', ['follows'], unique=False, postgresql_where=FOLLOWED)
    op.create_index('ix_app_run_released', 'app_run', ['asset'], unique=False, postgresql_where=RELEASED)
    op.create_index('ix_app_run_open', 'app_run', ['status'], unique=False, postgresql_where=OPEN)
