"""tenants: whose containers are whose, whom assets and people serve"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0020'
down_revision = "0019"
branch_labels = None
depends_on = None

NONE = sa.text("'{}'::bigint[]")
RESTRICTED = ('asset', 'person', 'channel')
OTHERS = sa.text('tenant_id <> 0')


def upgrade() -> None:
    op.create_table(
        'tenant',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tenant')),
        sa.UniqueConstraint('name', name=op.f('uq_tenant_name')),
    )
    op.execute("insert into tenant (id, name) values (0, 'Default Tenant')")
    for table in RESTRICTED:
        op.add_column(table, sa.Column('tenants', postgresql.ARRAY(sa.BigInteger()), server_default=NONE, nullable=False))
    op.add_column('blast_pass', sa.Column('tenant_id', sa.BigInteger(), server_default='0', nullable=False))
    op.add_column('container', sa.Column('tenant_id', sa.BigInteger(), server_default='0', nullable=False))
    op.create_unique_constraint(op.f('uq_container_tenant_id_asset_source_id'), 'container', ['tenant_id', 'asset', 'source_id'])
    op.drop_constraint(op.f('uq_container_asset_source_id'), 'container', type_='unique')
    op.create_index('ix_container_tenant', 'container', ['tenant_id', 'id'], unique=False, postgresql_where=OTHERS)


def downgrade() -> None:
    op.drop_index('ix_container_tenant', table_name='container', postgresql_where=OTHERS)
    op.create_unique_constraint(op.f('uq_container_asset_source_id'), 'container', ['asset', 'source_id'])
    op.drop_constraint(op.f('uq_container_tenant_id_asset_source_id'), 'container', type_='unique')
    op.drop_column('container', 'tenant_id')
    op.drop_column('blast_pass', 'tenant_id')
    for table in reversed(RESTRICTED):
        op.drop_column(table, 'tenants')
    op.drop_table('tenant')
