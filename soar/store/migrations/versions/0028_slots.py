"""slot: the calls under way of assets that limit how many may be at once"""

import sqlalchemy as sa
from alembic import op

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'slot',
        sa.Column('holder', sa.Text(), nullable=False),
        sa.Column('asset', sa.Text(), server_default='', nullable=False),
        sa.Column('app_run_id', sa.BigInteger(), nullable=True),
        sa.Column('until', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('holder', name=op.f('pk_slot')),
    )
    op.create_index(op.f('ix_slot_asset'), 'slot', ['asset'], unique=False)


def downgrade() -> None:
    op.drop_table('slot')
