"""
Assets and triggers.

In: checked configurations with their secrets sealed. Out: assets and triggers of the domain.
Never: an opened secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from soar.domain.budget import kept_budget
from soar.domain.errors import NotFound
from soar.domain.model import Asset, Trigger
from soar.store.prepared import Hot
from soar.store.rows import Queries, Row, as_json


def asset_of(row: Mapping[str, Any]) -> Asset:
    """Return the asset of a row, as a query or as JSON."""
    changed = row["updated_at"]
    return Asset(
        id=row["id"],
        slug=row["slug"],
        app=row["app"],
        configuration=row["configuration"],
        budget=kept_budget(row["configuration"]),
        disabled=row["disabled"],
        broken=row["broken"],
        updated_at=datetime.fromisoformat(changed) if isinstance(changed, str) else changed,
        tenants=tuple(row["tenants"]),
    )


def _trigger(row: Row) -> Trigger:
    return Trigger(
        name=row["name"],
        playbook=row["playbook"],
        labels=tuple(row["labels"]),
        severities=tuple(row["severities"]),
        active=row["active"],
        run_as=row["run_as"],
    )


class Assets(Queries):
    """Named queries on assets and triggers."""

    def save(
        self,
        *,
        slug: str,
        app: str,
        configuration: Mapping[str, Any],
        product_vendor: str = "",
        product_name: str = "",
        disabled: bool = False,
        tenants: Sequence[int] | None = None,
    ) -> int:
        """
        Add an asset or replace its configuration; an edit clears what was broken.

        *tenants*: whose containers it serves (none: all of them); not given, that stays.
        """
        return int(
            self._value(
                """
                insert into asset (slug, app, configuration, product_vendor, product_name, disabled,
                  tenants) values (:slug, :app, cast(:configuration as jsonb), :vendor, :product,
                  :disabled, coalesce(cast(:tenants as bigint[]), '{}'))
                on conflict (slug) do update set app = excluded.app,
                configuration = excluded.configuration, disabled = excluded.disabled, broken = '',
                product_vendor = excluded.product_vendor, product_name = excluded.product_name,
                tenants = coalesce(cast(:tenants as bigint[]), asset.tenants),
                updated_at = now() returning id
                """,
                slug=slug,
                app=app,
                configuration=as_json(configuration),
                vendor=product_vendor,
                product=product_name,
                disabled=disabled,
                tenants=None if tenants is None else list(tenants),
            )
        )

    def all(self) -> list[Asset]:
        """Return every asset by name."""
        return [asset_of(row) for row in self._all(Hot("select * from asset order by slug"))]

    def slugs(self) -> list[str]:
        """Return the name of every asset."""
        return [row["slug"] for row in self._all("select slug from asset")]

    def get(self, slug: str) -> Asset:
        """Return one asset."""
        row = self._one("select * from asset where slug = :slug", slug=slug)
        if row is None:
            raise NotFound(f"there is no asset {slug!r}: see `soar asset list`")
        return asset_of(row)

    def delete(self, slug: str) -> bool:
        """Remove an asset; False where there was none."""
        return bool(self._do("delete from asset where slug = :slug", slug=slug))

    def reseal(self, slug: str, configuration: Mapping[str, Any]) -> None:
        """Replace the sealed values of an asset and nothing else."""
        self._do(
            "update asset set configuration = cast(:c as jsonb) where slug = :slug",
            slug=slug,
            c=as_json(configuration),
        )

    def set_tenants(self, slug: str, tenants: Sequence[int]) -> None:
        """Let an asset serve these tenants; without any, all of them."""
        self._do(
            "update asset set tenants = cast(:tenants as bigint[]) where slug = :slug",
            slug=slug,
            tenants=list(tenants),
        )

    def mark_broken(self, asset: Asset, reason: str) -> bool:
        """Note that the vendor refused an asset's credentials; False if it was edited since."""
        return bool(
            self._do(
                "update asset set broken = :reason where slug = :slug and updated_at = :as_of",
                slug=asset.slug,
                reason=reason,
                as_of=asset.updated_at,
            )
        )

    def save_trigger(self, trigger: Trigger) -> None:
        """Add a trigger or replace the one of that name."""
        self._do(
            """
            insert into trigger (name, playbook, labels, severities, active, run_as)
            values (:name, :playbook, :labels, :severities, :active, :run_as)
            on conflict (name) do update set playbook = excluded.playbook,
            labels = excluded.labels, severities = excluded.severities, active = excluded.active,
            run_as = excluded.run_as
            """,
            name=trigger.name,
            playbook=trigger.playbook,
            labels=list(trigger.labels),
            severities=list(trigger.severities),
            active=trigger.active,
            run_as=trigger.run_as,
        )

    def triggers(self) -> list[Trigger]:
        """Return every trigger in the order they were made."""
        return [_trigger(row) for row in self._all("select * from trigger order by id")]

    def put_out(self, playbook: str) -> list[str]:
        """Make the triggers that start a playbook inactive; return their names."""
        rows = self._all(
            "update trigger set active = false where playbook = :playbook and active"
            " returning name",
            playbook=playbook,
        )
        return sorted(row["name"] for row in rows)

    def delete_trigger(self, name: str) -> bool:
        """Remove a trigger; False where there was none."""
        return bool(self._do("delete from trigger where name = :name", name=name))
