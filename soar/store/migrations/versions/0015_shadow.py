"""shadow mode and candidates"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

BESIDE = sa.text('beside is not null')
CANDIDATE = sa.text('candidate')
OPEN = sa.text("shadow and status in ('queued','running')")


def upgrade() -> None:
    op.create_table(
        'shadow',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('scope', sa.Text(), server_default='', nullable=False),
        sa.Column('name', sa.Text(), server_default='', nullable=False),
        sa.Column('created_by', sa.Text(), server_default='', nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_shadow')),
        sa.UniqueConstraint('scope', 'name', name=op.f('uq_shadow_scope_name')),
    )
    op.add_column('app_run', sa.Column('shadow', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('playbook_run', sa.Column('shadow', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('playbook_run', sa.Column('beside', sa.BigInteger(), nullable=True))
    op.create_index(op.f('ix_playbook_run_beside'), 'playbook_run', ['beside'], unique=False, postgresql_where=BESIDE)
    op.create_index('ix_playbook_run_candidates', 'playbook_run', ['playbook_id', 'id'], unique=False, postgresql_where=BESIDE)
    op.create_index('ix_playbook_run_shadow', 'playbook_run', ['id'], unique=False, postgresql_where=OPEN)
    op.add_column('playbook', sa.Column('candidate', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_index('ix_playbook_candidate', 'playbook', ['name'], unique=True, postgresql_where=CANDIDATE)


def downgrade() -> None:
    op.drop_index('ix_playbook_candidate', table_name='playbook', postgresql_where=CANDIDATE)
    op.drop_column('playbook', 'candidate')
    op.drop_index('ix_playbook_run_shadow', table_name='playbook_run', postgresql_where=OPEN)
    op.drop_index('ix_playbook_run_candidates', table_name='playbook_run', postgresql_where=BESIDE)
    op.drop_index(op.f('ix_playbook_run_beside'), table_name='playbook_run', postgresql_where=BESIDE)
    op.drop_column('playbook_run', 'beside')
    op.drop_column('playbook_run', 'shadow')
    op.drop_column('app_run', 'shadow')
    op.drop_table('shadow')
