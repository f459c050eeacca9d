"""token bounds"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

NONE = sa.text("'{}'::text[]")


def upgrade() -> None:
    op.alter_column('token', 'last_used', new_column_name='expires_at')
    op.execute('update token set expires_at = null')
    op.add_column(
        'token',
        sa.Column('allowed_ips', postgresql.ARRAY(sa.Text()), server_default=NONE, nullable=False),
    )


def downgrade() -> None:
    op.drop_column('token', 'allowed_ips')
    op.alter_column('token', 'expires_at', new_column_name='last_used')
