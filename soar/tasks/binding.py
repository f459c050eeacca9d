"""
Binds each marked function as a Celery task on :class:`ActionTask`.

In: the catalog and the vendor rooms. Out: tasks named ``soar.tasks.<vendor>.<action>``.
Never: a task that no manifest names, or a manifest's action without its function.
"""

from __future__ import annotations

import importlib
from typing import Any

from celery import Celery

from soar.catalog import ActionSpec, Catalog
from soar.connector import ActionFunction, VerifyFunction
from soar.tasks.base import ActionTask
from soar.tasks.shop import Shop


def function_of(spec: ActionSpec) -> ActionFunction:
    """Return the function that a manifest's action names; it must bear the mark."""
    module = importlib.import_module(f"soar.tasks.{spec.app}.actions")
    function: Any = getattr(module, spec.function, None)
    if function is None or not getattr(function, "__soar_action__", False):
        raise LookupError(f"{spec.task_name}: no function marked with @action")
    return function  # type: ignore[no-any-return]


def bind(app: Celery, catalog: Catalog, shop: Shop) -> None:
    """Register every action of the catalog."""
    for spec in catalog.actions:
        function = function_of(spec)
        attributes = {
            "name": spec.task_name,
            "spec": spec,
            "shop": shop,
            "abstract": False,
            "function": staticmethod(function),
            "verify": staticmethod(verify) if (verify := verify_of(function)) else None,
            "__module__": f"soar.tasks.{spec.app}",
        }
        app.register_task(type(spec.function, (ActionTask,), attributes)())


def verify_of(function: Any) -> VerifyFunction | None:
    """Return what looks whether a write took effect, if its connector has that."""
    found: VerifyFunction | None = getattr(function, "__soar_verify__", None)
    return found
