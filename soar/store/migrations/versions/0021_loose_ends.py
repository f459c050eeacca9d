"""answers that a call went under before; channels that close when they fail"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = '0021'
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('app_run', sa.Column('earlier_ids', ARRAY(sa.BigInteger()), nullable=True))
    op.add_column('channel', sa.Column('failures', sa.Integer(), server_default='0', nullable=False))
    op.add_column('channel', sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True))
    op.add_column('channel', sa.Column('closed_until', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('channel', 'closed_until')
    op.drop_column('channel', 'failing_since')
    op.drop_column('channel', 'failures')
    op.drop_column('app_run', 'earlier_ids')
