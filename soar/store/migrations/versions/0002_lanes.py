"""lanes"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('flight',
    sa.Column('lookup', sa.Text(), nullable=False),
    sa.Column('app_run_id', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('lookup', name=op.f('pk_flight'))
    )
    op.create_table('block_try',
    sa.Column('run_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('run_id', name=op.f('pk_block_try')),
    prefixes=['UNLOGGED']
    )
    op.add_column('app_run', sa.Column('lane_turn', sa.BigInteger(), server_default='0', nullable=False))
    op.add_column('app_run', sa.Column('made', sa.Integer(), server_default='0', nullable=False))
    op.add_column('app_run', sa.Column('lookup', sa.Text(), nullable=True))
    op.add_column('app_run', sa.Column('follows', sa.BigInteger(), nullable=True))
    op.add_column('app_run', sa.Column('reused_from', sa.BigInteger(), nullable=True))
    op.create_index('ix_app_run_follows', 'app_run', ['follows'], unique=False, postgresql_where=sa.text('follows is not null'))
    op.create_index('ix_app_run_saved', 'app_run', ['end_time', 'asset'], unique=False, postgresql_where=sa.text('reused_from is not null'))
    op.create_index('ix_app_run_lane', 'app_run', ['asset', 'severity_rank', 'lane_turn', 'id'], unique=False, postgresql_where=sa.text("status = 'parked' and parked_for = 'budget'"))
    op.create_index('ix_app_run_lane_age', 'app_run', ['asset', 'lane_since'], unique=False, postgresql_where=sa.text("status = 'parked' and parked_for = 'budget'"))
    op.create_index('ix_app_run_lookup', 'app_run', ['lookup', 'end_time'], unique=False, postgresql_where=sa.text('lookup is not null'))
    op.create_index('ix_app_run_made', 'app_run', ['asset', 'end_time'], unique=False, postgresql_where=sa.text('made > 0'))
    op.create_index('ix_app_run_released', 'app_run', ['asset'], unique=False, postgresql_where=sa.text("status = 'pending' and lane_since is not null"))


def downgrade() -> None:
    op.drop_index('ix_app_run_saved', table_name='app_run', postgresql_where=sa.text('reused_from is not null'))
    op.drop_index('ix_app_run_released', table_name='app_run', postgresql_where=sa.text("status = 'pending' and lane_since is not null"))
    op.drop_index('ix_app_run_made', table_name='app_run', postgresql_where=sa.text('made > 0'))
    op.drop_index('ix_app_run_lookup', table_name='app_run', postgresql_where=sa.text('lookup is not null'))
    op.drop_index('ix_app_run_lane_age', table_name='app_run', postgresql_where=sa.text("status = 'parked' and parked_for = 'budget'"))
    op.drop_index('ix_app_run_lane', table_name='app_run', postgresql_where=sa.text("status = 'parked' and parked_for = 'budget'"))
    op.drop_index('ix_app_run_follows', table_name='app_run', postgresql_where=sa.text('follows is not null'))
    op.drop_column('app_run', 'reused_from')
    op.drop_column('app_run', 'follows')
    op.drop_column('app_run', 'lookup')
    op.drop_column('app_run', 'made')
    op.drop_column('app_run', 'lane_turn')
    op.drop_table('block_try')
    op.drop_table('flight')
