"""policies"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

NOW = sa.text('now()')


def _id() -> sa.Column[Any]:
    return sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _text(name: str, default: str = '') -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _time(name: str, default: sa.TextClause | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=False)


def upgrade() -> None:
    op.create_table(
        'policy',
        _id(),
        _text('action', '*'),
        _text('asset', '*'),
        _text('label', '*'),
        _text('severity', '*'),
        _text('hours'),
        _text('needs'),
        sa.Column('apart', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
        sa.Column('fresh', sa.Integer(), server_default='0', nullable=False),
        _text('note'),
        _text('created_by'),
        _time('create_time', NOW),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_policy')),
    )
    op.create_table(
        'ballot',
        sa.Column('approval_id', sa.BigInteger(), nullable=False),
        sa.Column('person', sa.Text(), nullable=False),
        _text('choice'),
        sa.Column('signed', postgresql.JSONB(), server_default='{}', nullable=False),
        _text('signature'),
        _text('key_id'),
        _time('create_time', NOW),
        sa.ForeignKeyConstraint(['approval_id'], ['approval.id'], name=op.f('fk_ballot_approval_id')),
        sa.PrimaryKeyConstraint('approval_id', 'person', name=op.f('pk_ballot')),
    )
    op.create_table(
        'shift',
        _id(),
        _text('team'),
        _text('person'),
        _time('begins'),
        _time('ends'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_shift')),
    )
    op.create_index(op.f('ix_shift_person_ends'), 'shift', ['person', 'ends'], unique=False)
    op.add_column('playbook', _text('author'))
    op.add_column(
        'approval',
        sa.Column('addressees', postgresql.ARRAY(sa.Text()), server_default='{}', nullable=False),
    )
    op.execute('update approval set addressees = array[assignee]')


def downgrade() -> None:
    op.drop_column('approval', 'addressees')
    op.drop_column('playbook', 'author')
    op.drop_index(op.f('ix_shift_person_ends'), table_name='shift')
    op.drop_table('shift')
    op.drop_table('ballot')
    op.drop_table('policy')
