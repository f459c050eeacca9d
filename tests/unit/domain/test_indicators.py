"""Indicators: what of an alert is looked up, and what never leaves the house."""

from __future__ import annotations

import pytest

from soar.domain import indicators


def artifact(label="event", **cef):
    return {"label": label, "cef": cef}


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.31.255.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1",
     "::1", "fe80::1%eth0", "fd00::1"],
)  # fmt: skip
def test_internal_addresses_are_never_offered(address):
    """
    Private, local and link-local addresses are nobody else's business.
    """
    assert indicators.is_internal(address)
    assert indicators.of([artifact(sourceAddress=address)])["ip"] == []


@pytest.mark.parametrize("address", ["203.0.113.66", "172.32.0.1", "2001:db8::1", "no address"])
def test_other_addresses_are_offered(address):
    """
    What is not known to be internal is looked up, and a source may refuse it.
    """
    assert indicators.of([artifact(sourceAddress=address)])["ip"] == [address]


def test_several_hashes_of_one_artifact_are_one_file():
    """
    SHA-256 and MD5 of the same attachment cost one lookup; two attachments cost two.
    """
    one = artifact(fileHashMd5="B" * 32, fileHashSha256="A" * 64)

    assert indicators.of([one])["hash"] == ["a" * 64]
    assert indicators.of([one, artifact(fileHash="c" * 40)])["hash"] == ["a" * 64, "c" * 40]


def test_what_enrichment_added_is_no_indicator():
    """
    An enrichment artifact speaks of an indicator and is none.
    """
    added = artifact(label="enrichment", sourceAddress="203.0.113.66", sourceHostName="h")

    assert not any(indicators.of([added]).values())
    assert indicators.named([added], "sourceHostName") == []


def test_odd_values_are_passed_over():
    """
    Lists count by their texts; empty texts, numbers and nothing do not count.
    """
    found = indicators.of(
        [artifact(requestURL=["http://a.example", " "]), artifact(requestURL=7), {"cef": None}]
    )

    assert found["url"] == ["http://a.example"]


def test_a_field_named_later_counts_only_where_the_first_is_absent_everywhere():
    """
    Source hosts are who is hit; destination hosts only where no source is named.
    """
    both = [artifact(destinationHostName="d"), artifact(sourceHostName="s")]

    assert indicators.named(both, "sourceHostName", "destinationHostName") == ["s"]
    assert indicators.named(both[:1], "sourceHostName", "destinationHostName") == ["d"]
