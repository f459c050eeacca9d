"""
Which CEF field holds which kind of value, so that an artifact can be a target.

In: an action's parameter (what it ``contains``) and mappings that may hold such a value.
Out: the value, or nothing. Source: the ArcSight CEF field names that Splunk SOAR uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FIELDS: Mapping[str, tuple[str, ...]] = {
    "url": ("requestURL", "url", "destinationURL", "URL"),
    "ip": ("sourceAddress", "destinationAddress", "ip", "src", "dst", "deviceAddress"),
    "hash": (
        "fileHashSha256",
        "fileHash",
        "hash",
        "fileHashSha1",
        "fileHashMd5",
        "sha256",
        "sha1",
        "md5",
    ),
    "domain": ("destinationDnsDomain", "domain", "sourceDnsDomain"),
    "host name": ("sourceHostName", "destinationHostName", "hostname", "deviceHostname"),
    "user name": ("sourceUserName", "destinationUserName", "username", "user"),
    "email": ("fromEmail", "toEmail", "email"),
}
TYPE_NAMES: Mapping[str, str] = {
    "hash": "hash",
    "sha256": "hash",
    "sha1": "hash",
    "md5": "hash",
    "file": "hash",
    "url": "url",
    "ip": "ip",
    "domain": "domain",
    "host": "host name",
    "hostname": "host name",
    "host name": "host name",
    "user": "user name",
    "username": "user name",
    "user name": "user name",
    "email": "email",
}
VALUE_FIELDS = ("value", "indicator", "observable")
DIGESTS = ("sha256", "sha1", "md5")


def _contains() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for kind, names in FIELDS.items():
        for name in names:
            digests = [d for d in DIGESTS if kind == "hash" and name.lower().endswith(d)]
            found.setdefault(name, []).extend([kind, *digests])
    return {name: tuple(kinds) for name, kinds in found.items()}


CONTAINS = _contains()
"""What a CEF field holds, by its name, where its artifact says nothing else."""


def types_of(artifact: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what each CEF field of an artifact holds: as it says itself, else by its name."""
    own = artifact.get("cef_types") or {}
    names = artifact.get("cef") or {}
    found = {name: own.get(name) or CONTAINS.get(name, ()) for name in {**names, **own}}
    return {
        name: [kinds] if isinstance(kinds, str) else [str(kind) for kind in kinds]
        for name, kinds in found.items()
        if kinds
    }


def metadata() -> dict[str, Any]:
    """Return what is known of CEF fields, in the shape in which clients ask for it."""
    fields = {
        name: {"data_type": "string", "contains": list(kinds)} for name, kinds in CONTAINS.items()
    }
    return {
        "cef": fields,
        "all_contains": sorted({k for kinds in CONTAINS.values() for k in kinds}),
    }


def kind_of(contains: str) -> str:
    """Reduce a ``contains`` type to the kinds of the table ("sha256" is a "hash")."""
    return TYPE_NAMES.get(contains.lower(), contains.lower())


def find(values: Mapping[str, Any], parameter: str, contains: Iterable[str]) -> Any:
    """
    Return the value in *values* that fits a parameter, or ``None``.

    Tried in order: the parameter's own name, the CEF fields of its kinds, and the generic
    ``value`` of an artifact whose ``type`` is of that kind.
    """
    if values.get(parameter) not in (None, ""):
        return values[parameter]
    kinds = [kind_of(kind) for kind in contains]
    for kind in kinds:
        for name in FIELDS.get(kind, ()):
            if values.get(name) not in (None, ""):
                return values[name]
    if kind_of(str(values.get("type", ""))) in kinds:
        return next((values[n] for n in VALUE_FIELDS if values.get(n) not in (None, "")), None)
    return None


def resolve(sources: Iterable[Mapping[str, Any]], parameter: str, contains: Iterable[str]) -> Any:
    """Return the value of the first source that has one."""
    kinds = tuple(contains)
    for source in sources:
        value = find(source, parameter, kinds)
        if value is not None:
            return value
    return None
