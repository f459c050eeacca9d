"""
Assets as people write them: checked against the manifest, their secrets sealed, then kept.

In: the seed's form (app, asset_name, configuration). Out: an asset in the store.
Never: a secret in clear at rest, or an unknown setting that silently does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from soar.catalog import AppSpec, Catalog
from soar.domain.budget import SETTINGS, budget_of
from soar.domain.errors import BadInput, NotFound
from soar.domain.model import Asset
from soar.store.work import Work
from soar.vault import Vault, is_sealed

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
GENERAL = frozenset({*SETTINGS, "when_closed", "reuse_results", "ca_file", "proxy"})
"""Settings of every asset, whatever its app."""


def save(work: Work, raw: Any, *, catalog: Catalog, vault: Vault) -> str:
    """Keep an asset given in the seed's form, and return its name."""
    if not isinstance(raw, Mapping):
        raise BadInput("asset", "must be a JSON object with app, asset_name and configuration")
    slug = str(raw.get("asset_name") or raw.get("name") or "")
    if not SLUG.fullmatch(slug):
        raise BadInput("asset_name", f"{slug!r} must be lower case letters, digits, _ and - only")
    app = _app(raw, catalog)
    configuration = raw.get("configuration") or {}
    if not isinstance(configuration, Mapping):
        raise BadInput("configuration", "must be an object")
    work.assets.save(
        slug=slug,
        app=app.slug,
        configuration=_checked(configuration, app, vault),
        product_vendor=str(raw.get("product_vendor") or app.vendor),
        product_name=str(raw.get("product_name") or app.product),
        disabled=bool(raw.get("disabled", False)),
    )
    return slug


def change(
    work: Work, slug: str, changes: Mapping[str, Any], *, catalog: Catalog, vault: Vault
) -> None:
    """Change settings of an asset; what was sealed and is not named stays as it is."""
    asset = work.assets.get(slug)
    app = catalog.app(asset.app)
    merged = {**asset.configuration, **changes}
    work.assets.save(
        slug=slug,
        app=app.slug,
        configuration=_checked(merged, app, vault),
        product_vendor=app.vendor,
        product_name=app.product,
        disabled=asset.disabled,
    )


def rotate(work: Work, asset: Asset, vault: Vault) -> None:
    """Seal every secret of an asset again with the newest vault key."""
    configuration = {
        n: vault.rotate(v) if is_sealed(v) else v for n, v in asset.configuration.items()
    }
    work.assets.reseal(asset.slug, configuration)


def _app(raw: Mapping[str, Any], catalog: Catalog) -> AppSpec:
    try:
        return catalog.app(str(raw.get("app") or ""))
    except NotFound as error:
        raise BadInput("app", str(error)) from None


def _checked(configuration: Mapping[str, Any], app: AppSpec, vault: Vault) -> dict[str, Any]:
    known = {spec.name for spec in app.settings} | GENERAL
    for name in configuration:
        if name not in known:
            expected = ", ".join(sorted(known))
            raise BadInput(
                f"configuration.{name}", f"is no setting of {app.name}; it has: {expected}"
            )
    budget_of(configuration)
    if configuration.get("when_closed", "park") not in ("park", "fail"):
        raise BadInput("configuration.when_closed", "must be park or fail")
    if not isinstance(configuration.get("reuse_results", True), bool):
        raise BadInput("configuration.reuse_results", "must be true or false")
    return {
        name: vault.seal(str(value)) if name in app.secrets and not is_sealed(value) else value
        for name, value in configuration.items()
    }
