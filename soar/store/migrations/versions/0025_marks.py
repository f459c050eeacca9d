"""marks: tags of indicators, and evidence"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0025'
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'indicator_mark',
        sa.Column('indicator_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('tags', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column('changed_by', sa.Text(), server_default='', nullable=False),
        sa.Column('update_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('indicator_id', name=op.f('pk_indicator_mark')),
    )
    op.create_table(
        'evidence',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('container_id', sa.BigInteger(), nullable=False),
        sa.Column('content_type', sa.Text(), nullable=False),
        sa.Column('object_id', sa.BigInteger(), nullable=False),
        sa.Column('added_by', sa.Text(), server_default='', nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(['container_id'], ['container.id'], name=op.f('fk_evidence_container_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_evidence')),
        sa.UniqueConstraint('container_id', 'content_type', 'object_id', name=op.f('uq_evidence_container_id_content_type_object_id')),
    )


def downgrade() -> None:
    op.drop_table('evidence')
    op.drop_table('indicator_mark')
