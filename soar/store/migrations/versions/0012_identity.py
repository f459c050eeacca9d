"""identity"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
NOW = sa.text('now()')
NO = sa.text('false')


def upgrade() -> None:
    op.create_table(
        'credential',
        sa.Column('person_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('password_hash', sa.Text(), server_default='', nullable=False),
        sa.Column('one_time', sa.Boolean(), server_default=NO, nullable=False),
        sa.Column('expires_at', WHEN, nullable=True),
        sa.Column('password_set_at', WHEN, nullable=True),
        sa.Column('totp', postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column('totp_step', sa.BigInteger(), server_default='0', nullable=False),
        sa.ForeignKeyConstraint(
            ['person_id'], ['person.id'], name=op.f('fk_credential_person_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('person_id', name=op.f('pk_credential')),
    )
    op.create_table(
        'session',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('person_id', sa.BigInteger(), nullable=False),
        sa.Column('hash', sa.Text(), nullable=False),
        sa.Column('only_password', sa.Boolean(), server_default=NO, nullable=False),
        sa.Column('address', sa.Text(), server_default='', nullable=False),
        sa.Column('create_time', WHEN, server_default=NOW, nullable=False),
        sa.Column('authenticated_at', WHEN, server_default=NOW, nullable=False),
        sa.Column('seen_at', WHEN, server_default=NOW, nullable=False),
        sa.Column('idle_seconds', sa.Integer(), nullable=False),
        sa.Column('ends_at', WHEN, nullable=False),
        sa.Column('ended_at', WHEN, nullable=True),
        sa.ForeignKeyConstraint(
            ['person_id'], ['person.id'], name=op.f('fk_session_person_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_session')),
        sa.UniqueConstraint('hash', name=op.f('uq_session_hash')),
    )
    op.create_index(op.f('ix_session_person_id_address'), 'session', ['person_id', 'address'])
    op.create_index(op.f('ix_session_ends_at'), 'session', ['ends_at'])
    op.create_table(
        'login_failure',
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('count', sa.Integer(), nullable=False),
        sa.Column('failed_at', WHEN, nullable=False),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_login_failure')),
    )
    op.create_index(op.f('ix_login_failure_failed_at'), 'login_failure', ['failed_at'])


def downgrade() -> None:
    op.drop_table('login_failure')
    op.drop_table('session')
    op.drop_table('credential')
