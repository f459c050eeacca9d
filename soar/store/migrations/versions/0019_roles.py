"""roles: those that people make; who has none that permits anything may look as before"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0019'
down_revision = "0018"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
NOW = sa.text('now()')
LOOKERS = """
    update person set roles = array_append(roles, 'Observer') where not roles && array[
      'admin', 'analyst', 'automation', 'Administrator', 'Asset Owner', 'Automation',
      'Automation Engineer', 'Incident Commander', 'Observer', 'Automation Broker']
"""


def upgrade() -> None:
    op.create_table(
        'role',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False, start=101), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('description', sa.Text(), server_default='', nullable=False),
        sa.Column(
            'permissions', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column('disabled', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('created_by', sa.Text(), server_default='', nullable=False),
        sa.Column('create_time', WHEN, server_default=NOW, nullable=False),
        sa.Column('update_time', WHEN, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_role')),
        sa.UniqueConstraint('name', name=op.f('uq_role_name')),
    )
    op.execute(LOOKERS)


def downgrade() -> None:
    op.drop_table('role')
