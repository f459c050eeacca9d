"""prompt questions"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ('questions', 'responses'):
        op.add_column(
            'approval',
            sa.Column(name, postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        )
    op.execute('update approval set responses = jsonb_build_array(answer) where answer is not null')


def downgrade() -> None:
    op.drop_column('approval', 'responses')
    op.drop_column('approval', 'questions')
