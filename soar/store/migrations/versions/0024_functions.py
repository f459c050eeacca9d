"""functions: custom functions, their calls, and where loops stand"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0024'
down_revision = "0023"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default='', nullable=False)


def _json(name: str, default: str) -> sa.Column[Any]:
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text(f"'{default}'::jsonb"), nullable=False)


def _flag(name: str, default: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text(default), nullable=False)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False)


def upgrade() -> None:
    op.create_table(
        'custom_function',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        _text('repo'),
        _text('name'),
        _text('source'),
        _text('sha256'),
        _text('description'),
        _json('inputs', '[]'),
        _json('outputs', '[]'),
        _flag('draft', 'false'),
        _text('author'),
        _flag('active', 'true'),
        _now('created_at'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_custom_function')),
        sa.UniqueConstraint('repo', 'name', 'sha256', name=op.f('uq_custom_function_repo_name_sha256')),
    )
    op.create_index(
        'ix_custom_function_active', 'custom_function', ['name', 'repo'], unique=True,
        postgresql_where=sa.text('active'),
    )
    op.create_table(
        'function_call',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('action_run_id', sa.BigInteger(), nullable=False),
        sa.Column('run_id', sa.BigInteger(), nullable=False),
        sa.Column('function_id', sa.BigInteger(), nullable=True),
        _json('parameters', '{}'),
        _json('data', 'null'),
        _flag('succeeded', 'false'),
        _text('message'),
        _now('create_time'),
        sa.Column('rung_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('end_time', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ['action_run_id'], ['action_run.id'], name=op.f('fk_function_call_action_run_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['run_id'], ['playbook_run.id'], name=op.f('fk_function_call_run_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_function_call')),
    )
    op.create_index(op.f('ix_function_call_action_run_id'), 'function_call', ['action_run_id'], unique=False)
    op.create_index(
        'ix_function_call_open', 'function_call', ['run_id', 'id'], unique=False,
        postgresql_where=sa.text('end_time is null'),
    )
    op.add_column('action_run', sa.Column('loop_state', postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column('action_run', 'loop_state')
    op.drop_index('ix_function_call_open', table_name='function_call')
    op.drop_index(op.f('ix_function_call_action_run_id'), table_name='function_call')
    op.drop_table('function_call')
    op.drop_index('ix_custom_function_active', table_name='custom_function')
    op.drop_table('custom_function')
