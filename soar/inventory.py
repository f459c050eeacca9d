"""
Assets as people write them: checked against the manifest, their secrets sealed, then kept.

In: the seed's form (app, asset_name, configuration). Out: an asset in the store.
Never: a secret in clear at rest, an unknown setting that silently does nothing, or calls that
wait for an asset which will never take them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from soar import parking, tenants
from soar.catalog import MOST_SECONDS, AppSpec, Catalog
from soar.domain.budget import SETTINGS, Budget, budget_of, rules
from soar.domain.errors import BadInput, Conflict, NotFound
from soar.domain.model import Asset
from soar.store.work import Work
from soar.vault import Vault, is_sealed

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
GENERAL = frozenset(
    {*SETTINGS, "when_closed", "reuse_results", "action_timeout", "ca_file", "proxy"}
)
"""Settings of every asset, whatever its app."""
WAITING = ("park", "fail")
"""What calls may do while their asset is closed: wait for it, or end."""


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
        tenants=_tenants(work, raw.get("tenants")),
    )
    _end_if_closed(work, slug)
    return slug


def _tenants(work: Work, given: Any) -> list[int] | None:
    """Return the tenants that an asset is to serve; not given, that stays as it is."""
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(t, str | int) for t in given):
        raise BadInput("tenants", "must be a list of names or ids of tenants; empty is all")
    return tenants.ids(work, given)


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
    _end_if_closed(work, slug)


def close(work: Work, slug: str, *, waiting: str = "") -> int:
    """
    Disable an asset and return how many waiting calls that has failed.

    *waiting* (park or fail) becomes its setting ``when_closed``; without it that stays as it is.
    """
    _check_waiting(waiting)
    work.assets.get(slug)
    work.lanes.shut(slug, waiting=waiting)
    return _end_if_closed(work, slug)


def enable(work: Work, slug: str) -> str:
    """Open an asset again and return what had closed it besides, such as refused credentials."""
    asset = work.assets.get(slug)
    work.lanes.open(slug)
    return asset.broken


def delete(work: Work, slug: str, *, waiting: str = "") -> int:
    """
    Remove an asset and return how many waiting calls that has failed or kept.

    With calls that wait for it *waiting* must say what becomes of them: park or fail.
    """
    _check_waiting(waiting)
    work.assets.get(slug)
    count = work.lanes.open_calls(slug)
    if count and not waiting:
        calls = "1 call waits" if count == 1 else f"{count} calls wait"
        raise Conflict(
            f"{calls} for asset {slug!r}: say --waiting fail to end them, or --waiting park to"
            " keep them until there is an asset of that name again"
        )
    work.assets.delete(slug)
    if waiting == "park":
        return work.lanes.keep(slug, f"asset {slug!r} was deleted")
    return parking.dismiss(work, slug, f"asset {slug!r} was deleted")


def _end_if_closed(work: Work, slug: str) -> int:
    """Fail what waits for an asset that is closed and whose calls are not to wait."""
    asset = work.assets.get(slug)
    if not asset.closed or asset.parks_when_closed:
        return 0
    return parking.dismiss(work, slug, asset.closed)


def _check_requests(app: AppSpec, budget: Budget) -> None:
    """Refuse a limit that one call of an action would break by itself."""
    hungry = max(app.actions, key=lambda spec: spec.requests)
    for rule in rules(budget):
        if hungry.requests > rule.calls:
            raise BadInput(
                "configuration.rate_limit",
                f"{rule} is too little: one {hungry.name!r} of {app.name} makes up to"
                f" {hungry.requests} requests",
            )


def _check_timeout(seconds: Any) -> None:
    if type(seconds) is not int or not 1 <= seconds <= MOST_SECONDS:
        raise BadInput(
            "configuration.action_timeout", f"must be whole seconds, from 1 to {MOST_SECONDS}"
        )


def _check_waiting(waiting: str) -> None:
    if waiting and waiting not in WAITING:
        raise BadInput("waiting", f"{waiting!r} must be park or fail")


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
    _check_requests(app, budget_of(configuration))
    if configuration.get("when_closed", "park") not in WAITING:
        raise BadInput("configuration.when_closed", "must be park or fail")
    if not isinstance(configuration.get("reuse_results", True), bool):
        raise BadInput("configuration.reuse_results", "must be true or false")
    _check_timeout(configuration.get("action_timeout", MOST_SECONDS))
    return {
        name: vault.seal(str(value)) if name in app.secrets and not is_sealed(value) else value
        for name, value in configuration.items()
    }
