"""names: custom lists, workbooks, pins, kept values, deeds of blocks"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0023'
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _lists_and_workbooks()
    _tasks_pins_and_objects()
    _deeds_and_columns()


def _lists_and_workbooks() -> None:
    op.create_table(
        'decided_list',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('content', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column('version', sa.Integer(), server_default='1', nullable=False),
        sa.Column('changed_by', sa.Text(), server_default='', nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('update_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_decided_list')),
        sa.UniqueConstraint('name', name=op.f('uq_decided_list_name')),
    )
    op.create_table(
        'workbook_template',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('description', sa.Text(), server_default='', nullable=False),
        sa.Column('is_default', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('created_by', sa.Text(), server_default='', nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_workbook_template')),
        sa.UniqueConstraint('name', name=op.f('uq_workbook_template_name')),
    )
    op.create_table(
        'workbook_phase',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('template_id', sa.BigInteger(), nullable=True),
        sa.Column('container_id', sa.BigInteger(), nullable=True),
        sa.Column('name', sa.Text(), server_default='', nullable=False),
        sa.Column('position', sa.Integer(), server_default='1', nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(['template_id'], ['workbook_template.id'], name=op.f('fk_workbook_phase_template_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['container_id'], ['container.id'], name=op.f('fk_workbook_phase_container_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_workbook_phase')),
    )
    op.create_index(op.f('ix_workbook_phase_template_id'), 'workbook_phase', ['template_id'], unique=False)
    op.create_index(op.f('ix_workbook_phase_container_id'), 'workbook_phase', ['container_id'], unique=False)


def _tasks_pins_and_objects() -> None:
    op.create_table(
        'workbook_task',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('phase_id', sa.BigInteger(), nullable=False),
        sa.Column('name', sa.Text(), server_default='', nullable=False),
        sa.Column('description', sa.Text(), server_default='', nullable=False),
        sa.Column('position', sa.Integer(), server_default='1', nullable=False),
        sa.Column('status', sa.Integer(), server_default='0', nullable=False),
        sa.Column('owner_name', sa.Text(), server_default='', nullable=False),
        sa.Column('role', sa.Text(), server_default='', nullable=False),
        sa.Column('is_note_required', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('run_id', sa.BigInteger(), nullable=True),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('update_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('start_time', sa.DateTime(timezone=True), nullable=True),
        sa.Column('end_time', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['phase_id'], ['workbook_phase.id'], name=op.f('fk_workbook_task_phase_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_workbook_task')),
    )
    op.create_index(op.f('ix_workbook_task_phase_id'), 'workbook_task', ['phase_id'], unique=False)
    op.create_table(
        'pin',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('container_id', sa.BigInteger(), nullable=False),
        sa.Column('name', sa.Text(), server_default='', nullable=False),
        sa.Column('message', sa.Text(), server_default='', nullable=False),
        sa.Column('data', sa.Text(), server_default='', nullable=False),
        sa.Column('pin_type', sa.Text(), server_default='card', nullable=False),
        sa.Column('pin_style', sa.Text(), server_default='grey', nullable=False),
        sa.Column('author', sa.Text(), server_default='', nullable=False),
        sa.Column('run_id', sa.BigInteger(), nullable=True),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('update_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(['container_id'], ['container.id'], name=op.f('fk_pin_container_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_pin')),
    )
    op.create_index(op.f('ix_pin_container_id'), 'pin', ['container_id'], unique=False)
    op.create_index('ix_pin_name', 'pin', ['container_id', 'name'], unique=True, postgresql_where=sa.text("name <> ''"))
    op.create_table(
        'saved_object',
        sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('container_id', sa.BigInteger(), server_default='0', nullable=False),
        sa.Column('playbook', sa.Text(), server_default='', nullable=False),
        sa.Column('value', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'null'::jsonb"), nullable=False),
        sa.Column('ends_with_container', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('update_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_object')),
        sa.UniqueConstraint('container_id', 'playbook', 'key', name=op.f('uq_saved_object_container_id_playbook_key')),
    )
    op.create_index('ix_saved_object_ends', 'saved_object', ['container_id'], unique=False, postgresql_where=sa.text('ends_with_container'))


def _deeds_and_columns() -> None:
    op.create_table(
        'run_token',
        sa.Column('hash', sa.Text(), nullable=False),
        sa.Column('run_id', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('hash', name=op.f('pk_run_token')),
    )
    op.create_table(
        'block_deed',
        sa.Column('run_id', sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column('step', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('digest', sa.Text(), nullable=False),
        sa.Column('answer', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column('create_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.PrimaryKeyConstraint('run_id', 'step', 'number', name=op.f('pk_block_deed')),
    )
    op.add_column('container', sa.Column('current_phase_id', sa.BigInteger(), nullable=True))
    op.add_column('note', sa.Column('task_id', sa.BigInteger(), nullable=True))
    op.add_column('note', sa.Column('artifact_id', sa.BigInteger(), nullable=True))
    op.add_column('note', sa.Column('update_time', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False))
    op.add_column('attachment', sa.Column('details', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False))


def downgrade() -> None:
    op.drop_column('attachment', 'details')
    op.drop_column('note', 'update_time')
    op.drop_column('note', 'artifact_id')
    op.drop_column('note', 'task_id')
    op.drop_column('container', 'current_phase_id')
    for table in (
        'block_deed', 'run_token', 'saved_object', 'pin', 'workbook_task', 'workbook_phase',
        'workbook_template', 'decided_list',
    ):
        op.drop_table(table)
