"""
The breaker's rules as people write them, and what they hold.

In: rules, texts that name targets. Out: nothing. Never: a database, or a clock.
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.domain import blast
from soar.domain.blast import Asked, Limit, Protected, Unreadable
from soar.domain.errors import BadInput
from soar.domain.reach import hits, is_wide

HOUR = timedelta(hours=1)
TEXTS = st.text(max_size=60) | st.from_regex(r"[\[\]*?!\\./:@%0-9a-f-]{0,30}", fullmatch=True)
ADDRESSES = st.ip_addresses()


def asked(text: str, action: str = "block ip", **more: Any) -> Asked:
    """Return a containment of one target."""
    return Asked(action=action, asset="fw", named=(text,), **more)


def why(text: str, *rules: blast.Rule, action: str = "block ip") -> list[str]:
    """Return why a containment is held."""
    return [trip.why for trip in blast.tripped(rules, asked(text, action))]


# Built in.


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.0.0.5", "private network, 10.0.0.0/8"),
        ("172.16.0.0/24", "private network, 172.16.0.0/12"),
        ("192.168.1.1", "private network, 192.168.0.0/16"),
        ("fd00::1", "private network, fc00::/7"),
        ("100.64.0.1", "shared network of a provider, 100.64.0.0/10"),
        ("127.0.0.1", "loopback, 127.0.0.0/8"),
        ("::1", "loopback, ::1/128"),
        ("169.254.169.254", "link-local, 169.254.0.0/16"),
        ("fe80::1%eth0", "link-local, fe80::/10"),
        ("224.0.0.1", "multicast, 224.0.0.0/4"),
        ("0.0.0.0", "unspecified, 0.0.0.0/8"),
        ("::", "unspecified, ::/128"),
        ("255.255.255.255", "broadcast, 255.255.255.255/32"),
        ("::ffff:10.1.2.3", "private network, 10.0.0.0/8"),
        ("[fd00::1]", "private network, fc00::/7"),
        ("8.8.8.8, 10.0.0.1", "private network, 10.0.0.0/8"),
        ("9.255.255.0-10.0.0.3", "private network, 10.0.0.0/8"),
        ("http://10.0.0.1/login", "private network, 10.0.0.0/8"),
    ],
)
def test_block_ip_of_what_is_ours_is_held_without_configuration(text: str, reason: str) -> None:
    """
    Private and special addresses, however they are written, are protected from the first day.
    """
    assert f"{text} is protected ({reason})" in why(text)
    assert why(text, action="isolate") == []


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0/0", "8.0.0.0/15", "8.8.0.0/255.254.0.0", "::/0", "2000::/31", "1.0.0.0-2.0.0.0"],
)
def test_block_ip_of_half_the_world_is_held(text: str) -> None:
    """
    A network wider than /16, in IPv6 than /32, is no address to block; one sentence says it.
    """
    assert why(text) == [f"{text} is too wide a network"]


@pytest.mark.parametrize("text", ["203.0.113.66", "198.18.0.0/16", "2001:db8::/32", "evil", ""])
def test_block_ip_of_others_goes(text: str) -> None:
    """
    A public address, a network that is narrow enough, and what is no address are not held.
    """
    assert why(text) == []


# Matching.


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("dc01", "DC01"),
        ("dc01", "dc01.corp.example."),
        ("dc01.corp.example", "DC01"),
        ("DC*", "dc01"),
        ("*.corp.example", "web.CORP.example"),
        ("host-[0-9]", "host-7"),
        ("host[1]", "host[1]"),
        ("ceo", "CORP\\ceo"),
        ("ceo", "ceo@corp.example"),
        ("jane doe", "CN=Jane Doe,OU=Board,DC=corp,DC=example"),
        ("portal.corp.example", "https://portal.corp.example/login"),
        ("10.0.*", "10.0.3.4"),
        ("10.0.0.7", "10.0.0.0/28"),
        ("203.0.113.0/24", "203.0.113.66"),
        ("203.0.113.66/24", "203.0.113.1"),
        ("10.0.0.0/8", "::/0"),
        ("::ffff:10.0.0.0/104", "10.1.1.1"),
    ],
)
def test_a_target_is_known_by_any_of_its_names(pattern: str, text: str) -> None:
    """
    Case, domain and the form of an account do not get a target past its rule.
    """
    assert hits(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("dc01", "xdc01"),
        ("dc*", "web"),
        ("microsoft.example", "microsoft.evil.example"),
        ("203.0.113.0/24", "203.0.114.1"),
        ("203.0.113.0/24", "2001:db8::1"),
        ("10", "10.0.0.1"),
        ("corp.example", "http://[::1"),
    ],
)
def test_a_target_is_not_taken_for_another(pattern: str, text: str) -> None:
    """
    A name that only begins like it, or has another domain, is another one.
    """
    assert not hits(pattern, text)


@given(pattern=TEXTS, text=TEXTS)
def test_no_text_is_an_error(pattern: str, text: str) -> None:
    """
    Whatever a call names, the breaker answers.
    """
    hits(pattern, text)
    is_wide(text)
    blast.tripped([Protected(pattern=pattern)], asked(text))


@given(pattern=st.text(max_size=40).filter(lambda text: text.strip().strip("*?. ")))
def test_a_name_protects_itself(pattern: str) -> None:
    """
    A target that is written exactly as in its rule is always held.
    """
    assert hits(pattern, pattern)


@given(address=ADDRESSES, data=st.data())
def test_a_network_that_holds_a_protected_address_is_protected(address: Any, data: Any) -> None:
    """
    So is an address of a protected network: whichever is wider, they meet.
    """
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    network = ipaddress.ip_network((address, prefix), strict=False)

    assert hits(str(address), str(network))
    assert hits(str(network), str(address))


@given(version=st.sampled_from([4, 6]), prefix=st.integers(0, 32), data=st.data())
def test_two_networks_meet_as_the_library_says(version: int, prefix: int, data: Any) -> None:
    """
    The comparison of first and last addresses is that of whole networks.
    """
    first, second = (
        ipaddress.ip_network((data.draw(st.ip_addresses(v=version)), prefix), strict=False)
        for _ in range(2)
    )

    assert hits(str(first), str(second)) == first.overlaps(second)


def test_a_rule_concerns_its_own_action_and_asset() -> None:
    """
    A star stands for any.
    """
    for rule, held in (
        (Protected(pattern="x"), True),
        (Protected(pattern="x", action="isolate", asset="fw"), True),
        (Protected(pattern="x", action="disable"), False),
        (Protected(pattern="x", asset="other"), False),
    ):
        assert bool(why("x", rule, action="isolate")) is held


# What a call names.


def test_a_call_names_its_target_parameters_only() -> None:
    """
    Those that the manifest calls its target, or all of them; also in lists, numbers as texts.
    """
    parameters = {"hostname": "dc01", "note": "see 10.0.0.1", "ids": [1, {"x": "y"}, None, True]}

    assert blast.named(parameters, ["hostname"]) == ("dc01",)
    assert blast.named(parameters, []) == ("dc01", "see 10.0.0.1", "1", "y")


# Limits.


@pytest.mark.parametrize(
    ("text", "calls", "span"),
    [
        ("10/hour", 10, HOUR),
        ("10 per h", 10, HOUR),
        ("3/15 minutes", 3, timedelta(minutes=15)),
        ("50/Day", 50, timedelta(days=1)),
        ("1/7 days", 1, timedelta(days=7)),
        ("5/30s", 5, timedelta(seconds=30)),
    ],
)
def test_a_limit_is_written_as_a_budget_is(text: str, calls: int, span: timedelta) -> None:
    """
    So many in such a time, in any window of it.
    """
    rule = blast.parse({"kind": "limit", "limit": text})

    assert rule == Limit(per="asset", calls=calls, span=span)
    assert blast.parse({"kind": "limit", "limit": rule.name.rpartition(": ")[2]}) == rule


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ({}, "kind: 'None' is none of: protected, limit"),
        ({"kind": "else"}, "kind: 'else' is none of"),
        ({"kind": "protected"}, "pattern: '' must name a target"),
        ({"kind": "protected", "pattern": "**"}, r"pattern: '\*\*' must name a target"),
        ({"kind": "protected", "pattern": 7}, "pattern: '7' must be a text"),
        ({"kind": "protected", "pattern": "x" * 501}, "must be a text of at most 500"),
        ({"kind": "protected", "pattern": "x", "per": "all"}, "per: a rule of kind 'protected'"),
        ({"kind": "limit", "limit": "9/hour", "pattern": "x"}, "pattern: a rule of kind 'limit'"),
        ({"kind": "limit"}, "limit: 'None' is no limit: write it like"),
        ({"kind": "limit", "limit": "ten/hour"}, "limit: 'ten/hour' is no limit"),
        ({"kind": "limit", "limit": "1/month"}, "limit: '1/month' is no limit"),
        ({"kind": "limit", "limit": "0/hour"}, "must be from 1 to 100000 calls"),
        ({"kind": "limit", "limit": "1/0 hours"}, "its time must be from a second to 31 days"),
        ({"kind": "limit", "limit": "1/32 days"}, "its time must be from a second to 31 days"),
        ({"kind": "limit", "limit": "1/hour", "per": "run"}, "per: 'run' is none of: asset"),
        ({"kind": "limit", "limit": "1/hour", "action": []}, r"action: '\[\]' must be a text"),
    ],
)
def test_a_rule_that_cannot_be_used_names_the_field(raw: dict[str, Any], error: str) -> None:
    """
    The sentence says which, what it was, and what to do.
    """
    with pytest.raises(BadInput, match=error):
        blast.parse(raw)


def test_a_rule_is_an_object() -> None:
    """
    A list is none.
    """
    with pytest.raises(BadInput, match="rule: must be an object"):
        blast.parse([])


@given(
    raw=st.dictionaries(
        st.sampled_from(["kind", "action", "asset", "pattern", "limit", "per", "note"]),
        st.sampled_from(["protected", "limit", "10/hour", "asset", "*"]) | TEXTS | st.none(),
    )
)
def test_what_people_write_is_a_rule_or_a_sentence(raw: dict[str, Any]) -> None:
    """
    Nothing else comes of any text; a row that is no rule holds all, it is not left out.
    """
    found = blast.read([{**raw, "id": 7}])

    if found == [Unreadable(number=7)]:
        with pytest.raises(BadInput, match=r"^(kind|action|asset|pattern|limit|per|note): "):
            blast.parse(raw)
    else:
        assert found == [blast.parse(raw)]


def test_a_row_that_cannot_be_read_holds_everything() -> None:
    """
    It may have protected anything.
    """
    assert why("x", *blast.read([{"id": 3, "kind": "?"}])) == [
        "blast rule 3 cannot be read: remove it and add it anew"
    ]


def test_the_usual_limit_is_for_high_impact_where_no_rule_per_asset_is() -> None:
    """
    Ten an hour of an action on an asset, unless an operator says otherwise.
    """
    usual = Limit(action="isolate", per="asset", calls=10, span=HOUR)
    own = Limit(per="asset", calls=50, span=HOUR)
    everywhere = Limit(per="all", calls=50, span=HOUR)
    other = Limit(action="disable", per="asset", calls=50, span=HOUR)

    def found(*rules: Limit, **more: Any) -> list[Limit]:
        return blast.limits(rules, asked("x", "isolate", **more))

    assert found() == [usual]
    assert found(high_impact=False) == []
    assert found(own) == [own]
    assert found(everywhere, other) == [everywhere, usual]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({}, "it would be the 11th containment of fw within an hour; at most 10 are allowed"),
        (
            {"action": "isolate", "per": "playbook", "note": "by the board"},
            "it would be the 11th isolate by playbook p within an hour; at most 10 are allowed"
            " (by the board)",
        ),
        (
            {"asset": "fw", "per": "all"},
            "it would be the 11th containment of fw within an hour; at most 10 are allowed",
        ),
        (
            {"action": "isolate", "per": "tenant"},
            "it would be the 11th isolate for tenant Acme within an hour; at most 10 are allowed",
        ),
        (
            {"limit": "1/day", "per": "all"},
            "it would be the 11th containment within a day; at most 1 is allowed",
        ),
        (
            {"limit": "9/90 minutes"},
            "it would be the 11th containment of fw within 90 minutes; at most 9 are allowed",
        ),
    ],
)
def test_a_full_limit_says_what_is_full(rule: dict[str, str], sentence: str) -> None:
    """
    Which one it would be, of what, in which time.
    """
    limit = blast.parse({"kind": "limit", "limit": "10/hour", **rule})

    assert isinstance(limit, Limit)
    assert limit.trip(asked("x", "isolate"), sent=10, playbook="p", tenant="Acme").why == sentence


def test_ordinals_are_english() -> None:
    """
    The teens are irregular, also above a hundred.
    """
    numbers = (1, 2, 3, 4, 11, 12, 13, 21, 101, 111, 1002)

    assert " ".join(map(blast.ordinal, numbers)) == (
        "1st 2nd 3rd 4th 11th 12th 13th 21st 101st 111th 1002nd"
    )
