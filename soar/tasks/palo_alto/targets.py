"""
Palo Alto Networks' room: what may be blocked, and how a URL is written in a category.

In: what an analyst or a playbook typed. Out: a canonical address or category entry.
Never: I/O, or an own network, a wildcard or an XPath quote on its way to the firewall.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, quote, urlsplit

from soar.connector import ActionFailed, AssetConfig

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_ENTRY = 255

# Not `is_private`: it would also refuse the documentation ranges, which are fair to block.
# Sources: RFC 6890 and RFC 4291; fc00::/7 is IPv6's counterpart of RFC 1918 (RFC 4193).
NEVER_BLOCKED: tuple[tuple[str, Network], ...] = tuple(
    (kind, ip_network(network))
    for kind, networks in {
        "unspecified": ("0.0.0.0/8", "::/128"),
        "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
        "carrier-grade NAT": ("100.64.0.0/10",),
        "loopback": ("127.0.0.0/8", "::1/128"),
        "link-local": ("169.254.0.0/16", "fe80::/10"),
        "multicast": ("224.0.0.0/4", "ff00::/8"),
        "reserved": ("240.0.0.0/4",),
    }.items()
    for network in networks
)


def address(text: str) -> Address:
    """Read one IP address; an IPv4 address in IPv6 clothes is the IPv4 address."""
    try:
        ip = ip_address(text)
    except ValueError:
        raise ActionFailed(f"{text!r} is not an IP address") from None
    if isinstance(ip, IPv6Address) and ip.scope_id:
        raise ActionFailed(f"{text!r} has a zone, which no firewall rule can match")
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def protected_networks(asset: AssetConfig) -> tuple[Network, ...]:
    """Read the asset's protected networks; an unreadable one stops every block."""
    networks = []
    for text in asset.text("protected_networks").split(","):
        try:
            networks += [ip_network(text.strip(), strict=False)] if text.strip() else []
        except ValueError:
            raise ActionFailed(
                f"the asset's protected_networks has {text.strip()!r}, which is not a network"
            ) from None
    return tuple(networks)


def refuse_protected(asset: AssetConfig, ip: Address) -> None:
    """Fail the action if blocking this address could cut off our own people."""
    for network in protected_networks(asset):
        if ip in network:
            raise ActionFailed(f"{ip} is never blocked: it is in the protected network {network}")
    for kind, network in NEVER_BLOCKED:
        if ip in network:
            raise ActionFailed(f"{ip} is never blocked: it is a {kind} address ({network})")


def blockable_address(asset: AssetConfig, text: str) -> str:
    """Return the address in its canonical form, or fail if it must not be blocked."""
    ip = address(text)
    refuse_protected(asset, ip)
    return str(ip)


def url_entry(text: str) -> str:
    """
    Write a URL the way a custom URL category lists it.

    Without scheme, user and fragment; a host alone ends with ``/`` so that it cannot match
    ``host.example.attacker.example``; ``*`` and ``^`` would be wildcards and are refused; at
    most 255 characters. Source: PAN-OS documentation, URL category exception lists.
    """
    url = text if "://" in text else f"http://{text}"
    parts = _split(url, text)
    if "*" in url or "^" in url:
        raise ActionFailed(f"{text!r} has a wildcard, which would block more than one URL")
    # Quotes are percent-encoded, so that an entry can stand in an XPath literal.
    path = quote(parts.path or "/", safe="/%:;=@!$&()+,-._~")
    query = f"?{quote(parts.query, safe='/%:;=@!$&()+,-._~?')}" if parts.query else ""
    entry = f"{_host(parts, text)}{path}{query}"
    if len(entry) > LONGEST_ENTRY:
        raise ActionFailed(f"the URL has {len(entry)} characters; a category takes {LONGEST_ENTRY}")
    return entry


def blockable_url(asset: AssetConfig, text: str) -> str:
    """Return the category entry of a URL, or fail if its host must not be blocked."""
    entry = url_entry(text)
    host = urlsplit(f"http://{entry}").hostname or ""
    try:
        ip = ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            raise ActionFailed(f"{host} is never blocked: it is this machine itself") from None
        return entry
    refuse_protected(asset, address(str(ip)))
    return entry


def _split(url: str, text: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise ActionFailed(f"{text!r} is not a URL") from None
    if parts.scheme not in {"http", "https"}:
        raise ActionFailed(f"{text!r} is not a web address")
    return parts


def _host(parts: SplitResult, text: str) -> str:
    host = parts.hostname or ""
    try:
        name = f"[{ip_address(host)}]" if ":" in host else host.encode("idna").decode("ascii")
    except ValueError:
        name = ""
    if not name or not all(c.isalnum() or c in "-._[]:" for c in name):
        raise ActionFailed(f"{text!r} has no host name that can be blocked")
    default = {"http": 80, "https": 443}[parts.scheme]
    return name if parts.port in {None, default} else f"{name}:{parts.port}"
