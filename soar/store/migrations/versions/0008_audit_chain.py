"""audit chain"""

import hashlib
import json
from datetime import UTC

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

KEPT = sa.text('select id, time, who, what, detail from audit order by id')
CHAINED = sa.text(
    'update audit set number = :number, entry = :entry, hash = :hash where id = :id'
)
PROTECT = """
create function audit_is_kept() returns trigger language plpgsql as $$
begin
  raise exception 'the audit trail is only ever added to';
end $$;
create trigger audit_is_kept before update or delete on audit
  for each row execute function audit_is_kept();
"""


def upgrade() -> None:
    op.add_column('audit', sa.Column('number', sa.BigInteger(), nullable=True))
    for name in ('entry', 'hash', 'signature', 'key_id'):
        op.add_column('audit', sa.Column(name, sa.Text(), server_default='', nullable=False))
    chain()
    op.alter_column('audit', 'number', nullable=False)
    op.create_unique_constraint(op.f('uq_audit_number'), 'audit', ['number'])
    for name in ('entry', 'hash'):
        op.alter_column('audit', name, server_default=None)
    op.execute(PROTECT)


def chain() -> None:
    """Chain what is there already, as `soar.domain.chain` did at this revision."""
    connection, previous = op.get_bind(), '0' * 64
    for number, row in enumerate(connection.execute(KEPT).mappings().all(), start=1):
        moment = row['time'].astimezone(UTC)
        entry = json.dumps(
            {
                'number': number,
                'time': moment.isoformat(timespec='microseconds'),
                'who': row['who'],
                'what': row['what'],
                'detail': row['detail'],
                'previous': previous,
            },
            sort_keys=True,
            separators=(',', ':'),
            ensure_ascii=False,
        )
        previous = hashlib.sha256(entry.encode()).hexdigest()
        values = {'number': number, 'entry': entry, 'hash': previous, 'id': row['id']}
        connection.execute(CHAINED, values)


def downgrade() -> None:
    op.execute('drop trigger audit_is_kept on audit; drop function audit_is_kept')
    for name in ('number', 'entry', 'hash', 'signature', 'key_id'):
        op.drop_column('audit', name)
