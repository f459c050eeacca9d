"""ledger"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('effect',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('asset', sa.Text(), server_default='', nullable=False),
    sa.Column('action', sa.Text(), server_default='', nullable=False),
    sa.Column('target', sa.Text(), server_default='', nullable=False),
    sa.Column('intent', sa.Text(), server_default='', nullable=False),
    sa.Column('undo', sa.Text(), server_default='', nullable=False),
    sa.Column('status', sa.Text(), server_default='', nullable=False),
    sa.Column('app_run_id', sa.BigInteger(), nullable=False),
    sa.Column('run_id', sa.BigInteger(), nullable=False),
    sa.Column('container_id', sa.BigInteger(), nullable=False),
    sa.Column('ended_because', sa.Text(), server_default='', nullable=False),
    sa.Column('undo_run_id', sa.BigInteger(), nullable=True),
    sa.Column('undo_tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('vendor_ends', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('undo_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['app_run_id'], ['app_run.id'], name=op.f('fk_effect_app_run_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['container_id'], ['container.id'], name=op.f('fk_effect_container_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['run_id'], ['playbook_run.id'], name=op.f('fk_effect_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_effect'))
    )
    op.create_index(op.f('ix_effect_app_run_id'), 'effect', ['app_run_id'], unique=False)
    op.create_index('ix_effect_expires', 'effect', ['expires_at'], unique=False, postgresql_where=sa.text('expires_at is not null and ended_at is null'))
    op.create_index('ix_effect_intent', 'effect', ['asset', 'action', 'target', 'intent'], unique=True, postgresql_where=sa.text("ended_at is null and status <> 'failed'"))
    op.create_index(op.f('ix_effect_run_id'), 'effect', ['run_id'], unique=False)
    op.create_index('ix_effect_unsettled', 'effect', ['status'], unique=False, postgresql_where=sa.text("status in ('planned','claimed','sent','unknown')"))
    op.add_column('app_run', sa.Column('target', sa.Text(), nullable=True))
    op.create_index('ix_app_run_shared', 'app_run', ['reused_from'], unique=False, postgresql_where=sa.text('reused_from is not null and target is not null'))


def downgrade() -> None:
    op.drop_index('ix_app_run_shared', table_name='app_run', postgresql_where=sa.text('reused_from is not null and target is not null'))
    op.drop_column('app_run', 'target')
    op.drop_index('ix_effect_unsettled', table_name='effect', postgresql_where=sa.text("status in ('planned','claimed','sent','unknown')"))
    op.drop_index(op.f('ix_effect_run_id'), table_name='effect')
    op.drop_index('ix_effect_intent', table_name='effect', postgresql_where=sa.text("ended_at is null and status <> 'failed'"))
    op.drop_index('ix_effect_expires', table_name='effect', postgresql_where=sa.text('expires_at is not null and ended_at is null'))
    op.drop_index(op.f('ix_effect_app_run_id'), table_name='effect')
    op.drop_table('effect')
