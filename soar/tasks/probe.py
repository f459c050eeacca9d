"""
A question to an asset's vendor outside any run: does it answer, does an effect stand.

In: an asset, the vault and a function of its room. Out: what the function returns.
Never: a write: whoever asks has claimed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from soar.connector import ActionContext, AssetConfig, Output, Params, VendorSession
from soar.deadline import within
from soar.domain.model import Asset
from soar.vault import Vault

PROBE_SECONDS = 30.0
Found = TypeVar("Found", Output, Output | None)


def probe(
    asset: Asset,
    vault: Vault,
    function: Callable[[ActionContext, Params], Found],
    parameters: Mapping[str, Any] | None = None,
) -> Found:
    """Ask an asset's vendor at once, outside any run: a connectivity test, or what stands."""
    config = AssetConfig(slug=asset.slug, values=vault.open_all(asset.configuration))
    session = VendorSession(ca_file=config.text("ca_file"), proxy=config.text("proxy"))
    context = ActionContext(asset=config, http=session, key=f"soar-test-{asset.slug}")
    with within(PROBE_SECONDS):
        return function(context, Params(parameters or {}))
