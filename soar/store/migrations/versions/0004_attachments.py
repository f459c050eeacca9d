"""attachments"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('attachment',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('container_id', sa.BigInteger(), nullable=False),
    sa.Column('run_id', sa.BigInteger(), nullable=True),
    sa.Column('app_run_id', sa.BigInteger(), nullable=True),
    sa.Column('name', sa.Text(), server_default='', nullable=False),
    sa.Column('media_type', sa.Text(), server_default='', nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('sha1', sa.Text(), server_default='', nullable=False),
    sa.Column('sha256', sa.Text(), server_default='', nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.ForeignKeyConstraint(['container_id'], ['container.id'], name=op.f('fk_attachment_container_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attachment')),
    sa.UniqueConstraint('app_run_id', name=op.f('uq_attachment_app_run_id'))
    )
    # The content is compressed when it comes: PostgreSQL need not try again.
    op.execute('alter table attachment alter column content set storage external')
    op.create_index(op.f('ix_attachment_container_id'), 'attachment', ['container_id'], unique=False)
    op.create_index(op.f('ix_attachment_sha1'), 'attachment', ['sha1'], unique=False)
    op.add_column('app_run', sa.Column('attachment_id', sa.BigInteger(), nullable=True))
    op.create_index(op.f('ix_artifact_container_id_id'), 'artifact', ['container_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_artifact_container_id_id'), table_name='artifact')
    op.drop_column('app_run', 'attachment_id')
    op.drop_table('attachment')
