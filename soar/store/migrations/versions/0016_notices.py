"""notices"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

PLANNED = sa.text("status = 'planned'")
FAILED = sa.text("status = 'failed'")
UNDER_WAY = sa.text('claimed_at is not null')


def _id() -> Any:
    return sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _text(name: str, default: str = '') -> Any:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _now(name: str) -> Any:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False)


def _of(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f'{target}.id'], name=op.f(f'fk_{table}_{column}'), ondelete='CASCADE'
    )


def upgrade() -> None:
    _make_channels()
    _make_notices()
    _make_links()
    _make_addresses()


def _make_channels() -> None:
    op.create_table(
        'channel',
        _id(),
        sa.Column('name', sa.Text(), nullable=False),
        _text('kind'),
        sa.Column('configuration', JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column('events', ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column('assignees', ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        _now('create_time'),
        _now('update_time'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_channel')),
        sa.UniqueConstraint('name', name=op.f('uq_channel_name')),
    )


def _make_notices() -> None:
    op.create_table(
        'notice',
        _id(),
        sa.Column('approval_id', sa.BigInteger(), nullable=False),
        sa.Column('channel_id', sa.BigInteger(), nullable=False),
        *(_text(name) for name in ('event', 'recipient', 'person', 'detail')),
        _text('status', 'planned'),
        sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
        sa.Column('rings', sa.Integer(), server_default='0', nullable=False),
        _text('reference'),
        _text('error'),
        *(_now(name) for name in ('create_time', 'next_try_at', 'rung_at')),
        sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('end_time', sa.DateTime(timezone=True), nullable=True),
        _of('notice', 'approval_id', 'approval'),
        _of('notice', 'channel_id', 'channel'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
        sa.UniqueConstraint('approval_id', 'channel_id', 'event', 'recipient', name=op.f('uq_notice_approval_id_channel_id_event_recipient')),
    )
    op.create_index(op.f('ix_notice_planned'), 'notice', ['next_try_at'], unique=False, postgresql_where=PLANNED)
    op.create_index(op.f('ix_notice_channel'), 'notice', ['channel_id', 'next_try_at'], unique=False, postgresql_where=PLANNED)
    op.create_index(op.f('ix_notice_under_way'), 'notice', ['channel_id'], unique=False, postgresql_where=UNDER_WAY)
    op.create_index(op.f('ix_notice_failed'), 'notice', ['end_time'], unique=False, postgresql_where=FAILED)
    op.create_table(
        'reminder',
        sa.Column('approval_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('names', ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        _of('reminder', 'approval_id', 'approval'),
        sa.PrimaryKeyConstraint('approval_id', 'at', name=op.f('pk_reminder')),
    )
    op.create_index(op.f('ix_reminder_at'), 'reminder', ['at'], unique=False)


def _make_addresses() -> None:
    op.create_table(
        'person_address',
        _id(),
        sa.Column('person_id', sa.BigInteger(), nullable=False),
        _text('kind'),
        _text('address'),
        _now('create_time'),
        _of('person_address', 'person_id', 'person'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_person_address')),
        sa.UniqueConstraint('kind', 'address', name=op.f('uq_person_address_kind_address')),
        sa.UniqueConstraint('person_id', 'kind', name=op.f('uq_person_address_person_id_kind')),
    )
    op.create_table(
        'received',
        sa.Column('source', sa.Text(), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        _now('time'),
        sa.PrimaryKeyConstraint('source', 'key', name=op.f('pk_received')),
    )
    op.create_index(op.f('ix_received_time'), 'received', ['time'], unique=False)


def _make_links() -> None:
    op.create_table(
        'link',
        _id(),
        sa.Column('approval_id', sa.BigInteger(), nullable=False),
        sa.Column('notice_id', sa.BigInteger(), nullable=False),
        sa.Column('hash', sa.Text(), nullable=False),
        *(_text(name) for name in ('purpose', 'person', 'choice', 'payload_digest')),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        _now('create_time'),
        _of('link', 'approval_id', 'approval'),
        _of('link', 'notice_id', 'notice'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_link')),
        sa.UniqueConstraint('hash', name=op.f('uq_link_hash')),
    )
    for column in ('approval_id', 'notice_id', 'expires_at'):
        op.create_index(op.f(f'ix_link_{column}'), 'link', [column], unique=False)



def downgrade() -> None:
    for table in ('received', 'person_address', 'link', 'reminder', 'notice', 'channel'):
        op.drop_table(table)
