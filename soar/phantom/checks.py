"""
``phantom.utils``: what a text looks like.

In: any value. Out: yes or no. Never: an exception for a value of another kind.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

HASHES = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
                  r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?")  # fmt: skip
MAC = re.compile(r"([0-9A-Fa-f]{2}[:.-]){5}[0-9A-Fa-f]{2}")


def is_ip(ip_str: Any) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(_text(ip_str))
    except ValueError:
        return False
    return True


def is_net(net: Any) -> bool:
    """Tell whether a text is a network, such as 10.0.0.0/8."""
    try:
        ipaddress.ip_network(_text(net), strict=False)
    except ValueError:
        return False
    return True


def is_url(input_str: Any) -> bool:
    """Tell whether a text is an address with a scheme and a host."""
    try:
        parts = urlsplit(_text(input_str))
    except ValueError:
        return False
    return parts.scheme in ("http", "https", "ftp", "ftps") and bool(parts.hostname)


def is_email(email_str: Any) -> bool:
    """Tell whether a text is an e-mail address."""
    return EMAIL.fullmatch(_text(email_str)) is not None


def is_hash(hash_str: Any) -> bool:
    """Tell whether a text is an MD5, SHA-1, SHA-256 or SHA-512."""
    return _kind(hash_str) in HASHES.values()


def is_md5(input_str: Any) -> bool:
    """Tell whether a text is an MD5."""
    return _kind(input_str) == "md5"


def is_sha1(input_str: Any) -> bool:
    """Tell whether a text is a SHA-1."""
    return _kind(input_str) == "sha1"


def is_sha256(input_str: Any) -> bool:
    """Tell whether a text is a SHA-256."""
    return _kind(input_str) == "sha256"


def is_domain(hostname: Any) -> bool:
    """Tell whether a text is a name with a dot that is no address."""
    return is_hostname(hostname) and "." in _text(hostname).rstrip(".") and not is_ip(hostname)


def is_hostname(hostname: Any) -> bool:
    """Tell whether a text can be the name of a host."""
    return HOST.fullmatch(_text(hostname)) is not None


def is_mac(mac_str: Any) -> bool:
    """Tell whether a text is a MAC address."""
    return MAC.fullmatch(_text(mac_str)) is not None


def _kind(value: Any) -> str:
    text = _text(value)
    return HASHES.get(len(text), "") if re.fullmatch(r"[0-9A-Fa-f]+", text) else ""


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return value.strip() if isinstance(value, str) else ""
