"""provider: linked identities, hops there and back, codes that are not proved yet, views"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
NOW = sa.text('now()')


def upgrade() -> None:
    op.create_table(
        'linked_identity',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('person_id', sa.BigInteger(), nullable=False),
        sa.Column('issuer', sa.Text(), nullable=False),
        sa.Column('subject', sa.Text(), nullable=False),
        sa.Column(
            'provided', postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column('linked_by', sa.Text(), server_default='', nullable=False),
        sa.Column('linked_at', WHEN, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ['person_id'], ['person.id'], name=op.f('fk_linked_identity_person_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_linked_identity')),
        sa.UniqueConstraint('issuer', 'subject', name=op.f('uq_linked_identity_issuer_subject')),
        sa.UniqueConstraint('person_id', 'issuer', name=op.f('uq_linked_identity_person_id_issuer')),
    )
    op.create_table(
        'sign_in_hop',
        sa.Column('state_hash', sa.Text(), nullable=False),
        sa.Column('browser_hash', sa.Text(), nullable=False),
        sa.Column('purpose', sa.Text(), nullable=False),
        sa.Column('wanted', sa.Text(), server_default='', nullable=False),
        sa.Column('address', sa.Text(), server_default='', nullable=False),
        sa.Column('create_time', WHEN, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint('state_hash', name=op.f('pk_sign_in_hop')),
    )
    op.create_index(op.f('ix_sign_in_hop_create_time'), 'sign_in_hop', ['create_time'])
    op.create_index(
        op.f('ix_sign_in_hop_address_create_time'), 'sign_in_hop', ['address', 'create_time']
    )
    op.create_table(
        'new_codes',
        sa.Column('person_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            'totp', postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column('create_time', WHEN, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ['person_id'], ['person.id'], name=op.f('fk_new_codes_person_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('person_id', name=op.f('pk_new_codes')),
    )
    op.create_table(
        'approval_view',
        sa.Column('approval_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('person_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('seen_at', WHEN, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ['approval_id'], ['approval.id'], name=op.f('fk_approval_view_approval_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['person_id'], ['person.id'], name=op.f('fk_approval_view_person_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('approval_id', 'person_id', name=op.f('pk_approval_view')),
    )


def downgrade() -> None:
    op.drop_table('approval_view')
    op.drop_table('new_codes')
    op.drop_table('sign_in_hop')
    op.drop_table('linked_identity')
