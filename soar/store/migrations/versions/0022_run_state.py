"""run_state: what blocks keep by name; the scope of a run"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0022'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'run_state',
        sa.Column('run_id', sa.BigInteger(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('value', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(['run_id'], ['playbook_run.id'], name=op.f('fk_run_state_run_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('run_id', 'kind', 'name', name=op.f('pk_run_state')),
    )
    op.add_column('playbook_run', sa.Column(
        'scope', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'\"all\"'::jsonb"), nullable=False,
    ))
    op.add_column('playbook_run', sa.Column('artifacts_from', sa.BigInteger(), server_default='0', nullable=False))
    op.add_column('playbook_run', sa.Column('artifacts_to', sa.BigInteger(), server_default='0', nullable=False))


def downgrade() -> None:
    op.drop_column('playbook_run', 'artifacts_to')
    op.drop_column('playbook_run', 'artifacts_from')
    op.drop_column('playbook_run', 'scope')
    op.drop_table('run_state')
