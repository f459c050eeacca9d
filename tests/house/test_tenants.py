"""
No list and no person is made without a thought of tenants.

In: every listing of the REST rooms, the syntax trees of ``soar``. Out: what shows more than it may.
Never: a listing that belongs to nobody by an oversight.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import soar.api
from soar.store.listing import SHARED, Listing
from tests.house.test_names import calls, trees
from tests.integration.rest.tenants import PATHS

SHARED_NOUNS = {
    "approval policy": "who must agree is agreed for all tenants",
    "blast rule": "what is protected is protected from everybody's playbooks",
    "container status": "the words are those of the product",
    "custom list": "playbooks of all tenants read it",
    "lane": "an asset's budget is one, whoever waits for it",
    "playbook": "playbooks are shared, and so are the workers that run them",
    "repository": "playbooks and functions are shared, and so is where they come from",
    "role": "what a role permits, it permits everybody who has it",
    "severity": "the words are those of the product",
    "shadow switch": "it turns a playbook, an asset, or everything",
    "workbook phase template": "a way of working is agreed for all tenants",
    "workbook task template": "a way of working is agreed for all tenants",
    "workbook template": "a way of working is agreed for all tenants",
    "trigger": "it looks at label and severity only",
}
"""What belongs to no tenant, and why."""


def listings() -> Iterator[Listing]:
    """Return every listing that a module of the REST rooms has."""
    for module in pkgutil.iter_modules(soar.api.__path__):
        for value in vars(importlib.import_module(f"soar.api.{module.name}")).values():
            found = value.values() if isinstance(value, dict) else [value]
            yield from (one for one in found if isinstance(one, Listing))


def test_what_everybody_sees_is_shared_for_a_reason() -> None:
    """
    A new list of rows that belong to containers must not become one that everybody sees.
    """
    assert {one.noun for one in listings() if one.ours == SHARED} == set(SHARED_NOUNS)


@pytest.mark.parametrize("noun", sorted({one.noun for one in listings()} - set(SHARED_NOUNS)))
def test_every_other_list_is_narrowed_and_tried_as_somebody_of_a_tenant(noun: str) -> None:
    """
    It names the tenants of who asks, and the REST tests read it as a person with a tenant.
    """
    narrowed = [":tenants" in one.ours for one in listings() if one.noun == noun]

    assert narrowed
    assert all(narrowed)
    assert noun in PATHS


def test_a_listing_that_says_nothing_is_narrowed() -> None:
    """
    By its container: without one, its statement fails for people with tenants, and shows nothing.
    """
    assert ":tenants" in Listing(noun="x", source="x", columns="x", fields={}).ours


def test_people_are_made_of_rows_in_one_place() -> None:
    """
    A person made elsewhere could be made without their tenants, and would see everybody's.
    """
    made = {
        path
        for path, tree in trees("soar")
        for node in ast.walk(tree)
        if calls(node, "Person") and not path.startswith("soar/lab/")
    }

    assert made == {"soar/store/people.py"}
