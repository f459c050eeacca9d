"""
Finding a parameter's value in artifacts, results and containers.

In: mappings as alerts bring them. Out: nothing. Never: an empty text taken for a value.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain import cef


@pytest.mark.parametrize(
    ("values", "parameter", "contains", "expected"),
    [
        ({"ip": "1.1.1.1"}, "ip", ["ip"], "1.1.1.1"),
        ({"hostname": "h", "sourceHostName": "s"}, "hostname", ["host name"], "h"),
        ({"sourceAddress": "1.1.1.1", "destinationAddress": "2.2.2.2"}, "ip", ["ip"], "1.1.1.1"),
        ({"sourceAddress": "", "destinationAddress": "2.2.2.2"}, "ip", ["ip"], "2.2.2.2"),
        ({"fileHashMd5": "m", "fileHashSha256": "s"}, "hash", ["sha256", "md5"], "s"),
        ({"type": "URL", "value": "http://a"}, "url", ["url"], "http://a"),
        ({"type": "sha256", "indicator": "s"}, "file", ["hash"], "s"),
        ({"type": "ip", "value": "", "observable": "1.1.1.1"}, "ip", ["ip"], "1.1.1.1"),
        ({"type": "domain", "value": "a.example"}, "url", ["url"], None),
        ({"value": "no type"}, "url", ["url"], None),
        ({"sourceUserName": "ada"}, "account", ["user name"], "ada"),
        ({"anything": 1}, "ip", [], None),
        ({"count": 0}, "count", [], 0),
        ({}, "ip", ["ip"], None),
    ],
)
def test_a_value_is_found_by_name_then_field_then_type(
    values: dict[str, Any], parameter: str, contains: list[str], expected: Any
) -> None:
    """
    The parameter's own name first, the CEF fields of its kinds, then the typed value.
    """
    assert cef.find(values, parameter, contains) == expected


def test_sources_are_asked_in_order() -> None:
    """
    The first that has a value is enough; an iterator of kinds serves all of them.
    """
    sources = [{}, {"dst": "1.1.1.1"}, {"src": "2.2.2.2"}]

    assert cef.resolve(sources, "ip", iter(["ip"])) == "1.1.1.1"
    assert cef.resolve([], "ip", ["ip"]) is None


def test_every_type_name_leads_to_a_kind_with_fields() -> None:
    """
    The two tables agree.
    """
    assert set(cef.TYPE_NAMES.values()) == set(cef.FIELDS)
