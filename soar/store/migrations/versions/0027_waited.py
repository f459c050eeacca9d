"""waited: how long a call's vendor has let it wait, instead of since when it waits"""

import sqlalchemy as sa
from alembic import op

revision = '0027'
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        'app_run',
        sa.Column('waited', sa.Interval(), server_default=sa.text("'0'::interval"), nullable=False),
    )
    op.drop_column('app_run', 'waited_since')


def downgrade() -> None:
    op.add_column('app_run', sa.Column('waited_since', sa.DateTime(timezone=True), nullable=True))
    op.drop_column('app_run', 'waited')
