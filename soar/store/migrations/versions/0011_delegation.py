"""delegation"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'delegation',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('giver', sa.Text(), nullable=False),
        sa.Column('taker', sa.Text(), nullable=False),
        sa.Column('until', sa.DateTime(timezone=True), nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_delegation')),
    )
    op.create_index(op.f('ix_delegation_taker_until'), 'delegation', ['taker', 'until'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_delegation_taker_until'), table_name='delegation')
    op.drop_table('delegation')
