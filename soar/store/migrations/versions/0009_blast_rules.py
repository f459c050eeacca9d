"""blast rules"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

HELD = sa.text('breaker_id is not null')


def upgrade() -> None:
    op.create_table('blast_rule',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.Text(), server_default='', nullable=False),
    sa.Column('action', sa.Text(), server_default='*', nullable=False),
    sa.Column('asset', sa.Text(), server_default='*', nullable=False),
    sa.Column('pattern', sa.Text(), server_default='', nullable=False),
    sa.Column('limit', sa.Text(), server_default='', nullable=False),
    sa.Column('per', sa.Text(), server_default='', nullable=False),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.Column('created_by', sa.Text(), server_default='', nullable=False),
    sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_blast_rule'))
    )
    op.create_table('blast_pass',
    sa.Column('app_run_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('action', sa.Text(), server_default='', nullable=False),
    sa.Column('asset', sa.Text(), server_default='', nullable=False),
    sa.Column('playbook', sa.Text(), server_default='', nullable=False),
    sa.Column('passed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['app_run_id'], ['app_run.id'], name=op.f('fk_blast_pass_app_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('app_run_id', name=op.f('pk_blast_pass'))
    )
    op.create_index(op.f('ix_blast_pass_passed_at'), 'blast_pass', ['passed_at'], unique=False)
    op.add_column('app_run', sa.Column('breaker_id', sa.BigInteger(), nullable=True))
    op.create_index(op.f('ix_app_run_breaker_id'), 'app_run', ['breaker_id'], unique=False, postgresql_where=HELD)


def downgrade() -> None:
    op.drop_index(op.f('ix_app_run_breaker_id'), table_name='app_run', postgresql_where=HELD)
    op.drop_column('app_run', 'breaker_id')
    op.drop_index(op.f('ix_blast_pass_passed_at'), table_name='blast_pass')
    op.drop_table('blast_pass')
    op.drop_table('blast_rule')
