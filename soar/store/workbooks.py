"""
Workbooks: templates of phases and tasks, and their copies in containers.

In: checked templates, changes of tasks. Out: rows. Never: a template that its copies follow: what a
container has got is its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from soar.store.columns import flag, id_column, metadata, now_column, ref, text_column, when
from soar.store.rows import Queries, Row, storable

workbook_template = Table(
    "workbook_template",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    text_column("description"),
    flag("is_default", False),
    text_column("created_by"),
    now_column("create_time"),
)

workbook_phase = Table(
    "workbook_phase",
    metadata,
    id_column(),
    ref("template_id", "workbook_template.id", nullable=True),
    ref("container_id", "container.id", nullable=True),
    text_column("name"),
    Column("position", Integer, nullable=False, server_default="1"),
    now_column("create_time"),
    Index(None, "template_id"),
    Index(None, "container_id"),
)

workbook_task = Table(
    "workbook_task",
    metadata,
    id_column(),
    ref("phase_id", "workbook_phase.id"),
    text_column("name"),
    text_column("description"),
    Column("position", Integer, nullable=False, server_default="1"),
    Column("status", Integer, nullable=False, server_default="0"),
    text_column("owner_name"),
    text_column("role"),
    flag("is_note_required", False),
    Column("run_id", BigInteger),
    now_column("create_time"),
    now_column("update_time"),
    when("start_time"),
    when("end_time"),
    Index(None, "phase_id"),
)

TASKS = """
    select t.*, p.name as phase_name, p.container_id, p.template_id from workbook_task t
    join workbook_phase p on p.id = t.phase_id
"""
TASK_FIELDS = ("name", "description", "position", "status", "owner_name", "role")


class Workbooks(Queries):
    """Named queries on workbooks."""

    def template(self, wanted: int | str) -> Row | None:
        """Return a template by its id or name; an empty name means the default one."""
        number = isinstance(wanted, int) or wanted.isdigit()
        which = "id = :id" if number else "name = :name" if wanted else "is_default"
        return self._one(
            f"select * from workbook_template where {which} order by id limit 1",
            **({"id": int(wanted)} if number else {"name": wanted} if wanted else {}),
        )

    def add_template(
        self,
        name: str,
        phases: Sequence[Mapping[str, Any]],
        *,
        by: str,
        description: str = "",
        default: bool = False,
    ) -> int:
        """Keep a template; a default one takes the place of the one before."""
        if default:
            self._do("update workbook_template set is_default = false where is_default")
        template_id = int(
            self._value(
                "insert into workbook_template (name, description, is_default, created_by)"
                " values (:name, :description, :default, :by) returning id",
                name=storable(name),
                description=storable(description),
                default=default,
                by=by,
            )
        )
        for phase in phases:
            self._add_template_phase(template_id, phase)
        return template_id

    def _add_template_phase(self, template_id: int, phase: Mapping[str, Any]) -> None:
        phase_id = self._value(
            "insert into workbook_phase (template_id, name, position)"
            " values (:template, :name, :position) returning id",
            template=template_id,
            name=storable(phase["name"]),
            position=phase["position"],
        )
        for task in phase["tasks"]:
            self._do(
                "insert into workbook_task (phase_id, name, description, position, owner_name,"
                " role, is_note_required) values (:phase, :name, :description, :position, :owner,"
                " :role, :note)",
                phase=phase_id,
                name=storable(task["name"]),
                description=storable(task["description"]),
                position=task["position"],
                owner=storable(task["owner_name"]),
                role=storable(task["role"]),
                note=task["is_note_required"],
            )

    def add_to(self, container_id: int, template_id: int, *, run_id: int | None = None) -> None:
        """Copy the phases and tasks of a template into a container, after those it has."""
        self._do(
            """
            with copied as (
              select nextval(pg_get_serial_sequence('workbook_phase', 'id')) as id, p.id as source,
                p.name, p.position from workbook_phase p
              where p.template_id = :template order by p.position, p.id),
            phases as (
              insert into workbook_phase (id, container_id, name, position)
              overriding system value
              select id, :container, name, position + coalesce((
                select max(position) from workbook_phase where container_id = :container), 0)
              from copied returning id)
            insert into workbook_task (phase_id, name, description, position, owner_name, role,
              is_note_required, run_id)
            select c.id, t.name, t.description, t.position, t.owner_name, t.role,
              t.is_note_required, cast(:run as bigint)
            from workbook_task t join copied c on c.source = t.phase_id
            join phases on phases.id = c.id order by c.position, t.position, t.id
            """,
            template=template_id,
            container=container_id,
            run=run_id,
        )

    def phases(self, container_id: int) -> list[Row]:
        """Return the phases of a container in their order."""
        return self._all(
            "select * from workbook_phase where container_id = :id order by position, id",
            id=container_id,
        )

    def tasks(self, container_id: int) -> list[Row]:
        """Return the tasks of a container in the order of its phases."""
        return self._all(
            f"{TASKS} where p.container_id = :id order by p.position, p.id, t.position, t.id",
            id=container_id,
        )

    def task(self, task_id: int) -> Row | None:
        """Return one task of a container."""
        return self._one(f"{TASKS} where t.id = :id and p.container_id is not null", id=task_id)

    def phase_for_tasks(self, container_id: int) -> int:
        """Return the phase that a task without one is added to; one is made where there is none."""
        found = self._value(
            """
            select p.id from workbook_phase p join container c on c.id = p.container_id
            where p.container_id = :id
            order by p.id = c.current_phase_id desc nulls last, p.position, p.id limit 1
            """,
            id=container_id,
        )
        return int(
            found
            or self._value(
                "insert into workbook_phase (container_id, name) values (:id, 'Tasks')"
                " returning id",
                id=container_id,
            )
        )

    def add_task(
        self, container_id: int, task_id: int, fields: Mapping[str, Any], *, run_id: int | None
    ) -> None:
        """Add a task with its reserved id, at the end of its phase."""
        phase_id = fields.get("phase_id") or self.phase_for_tasks(container_id)
        self._do(
            """
            insert into workbook_task (id, phase_id, name, description, position, owner_name, role,
              run_id)
            overriding system value values (:id, :phase, :name, :description, (
              select coalesce(max(position), 0) + 1 from workbook_task where phase_id = :phase),
              :owner, :role, :run)
            """,
            id=task_id,
            phase=phase_id,
            name=storable(str(fields.get("name") or "task")),
            description=storable(str(fields.get("description") or "")),
            owner=storable(str(fields.get("owner_name") or "")),
            role=storable(str(fields.get("role") or "")),
            run=run_id,
        )

    def update_task(self, task_id: int, changes: Mapping[str, Any]) -> bool:
        """Change a task; it starts with status 2 and ends with status 1. False: there is none."""
        wanted = {n: storable(v) for n, v in changes.items() if n in TASK_FIELDS}
        sets = [f"{name} = :{name}" for name in sorted(wanted)]
        if "status" in wanted:
            sets += [
                "start_time = case when :status = 0 then null else coalesce(start_time, now()) end",
                "end_time = case when :status = 1 then now() end",
            ]
        return bool(
            self._do(
                f"update workbook_task set {', '.join([*sets, 'update_time = now()'])}"
                " where id = :id and phase_id in"
                " (select id from workbook_phase where container_id is not null)",
                id=task_id,
                **wanted,
            )
        )

    def set_phase(self, container_id: int, phase_id: int) -> bool:
        """Make a phase of a container its current one; False where it has no such phase."""
        return bool(
            self._do(
                "update container c set current_phase_id = p.id, update_time = now()"
                " from workbook_phase p where c.id = :id and p.id = :phase"
                " and p.container_id = c.id",
                id=container_id,
                phase=phase_id,
            )
        )
