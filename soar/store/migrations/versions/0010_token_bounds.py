"""token bounds"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
NONE = sa.text("'{}'::text[]")


def upgrade() -> None:
    op.drop_column('token', 'last_used')
    op.add_column('token', sa.Column('expires_at', WHEN, nullable=True))
    op.add_column(
        'token',
        sa.Column('allowed_ips', postgresql.ARRAY(sa.Text()), server_default=NONE, nullable=False),
    )


def downgrade() -> None:
    op.drop_column('token', 'allowed_ips')
    op.drop_column('token', 'expires_at')
    op.add_column('token', sa.Column('last_used', WHEN, nullable=True))
