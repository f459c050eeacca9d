"""
The whole check of one program, or of everything in a bundle.

In: texts and what this system knows. Out: findings in the order of files and lines.
Never: playbook code run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace

from soar.bringing import Brought
from soar.bundle import Bundle
from soar.catalog import Catalog
from soar.check import acts, joins, names, paths
from soar.check.findings import ERROR, Finding, Known, Text
from soar.domain import datapath
from soar.engine import program
from soar.engine.program import BadPlaybook

LOOKS = (names.look, acts.look, joins.look, paths.look)


def known(
    catalog: Catalog,
    *,
    assets: Iterable[str] | None = None,
    playbooks: Iterable[str] | None = None,
    functions: Iterable[str] | None = None,
) -> Known:
    """Return what a check may compare with."""
    return Known(
        actions=frozenset(spec.name for spec in catalog.actions),
        high_impact=frozenset(spec.name for spec in catalog.actions if spec.high_impact),
        assets=None if assets is None else frozenset(assets),
        playbooks=None if playbooks is None else frozenset(playbooks),
        functions=None if functions is None else frozenset(functions),
        offering=catalog.offering,
        datapath=datapath.find,
    )


def review(file: str, source: str, what: str, known: Known) -> list[Finding]:
    """Return what is to be said of one playbook or custom function."""
    try:
        tree = program.parse(file.rpartition("/")[2].removesuffix(".py"), source, what)
    except BadPlaybook as error:
        return [
            Finding(file=file, line=_line(source), level=ERROR, kind="syntax", sentence=str(error))
        ]
    text = Text(file=file, tree=tree, known=known, what=what)
    for look in LOOKS:
        look(text)
    return sorted(set(text.found))


def _line(source: str) -> int:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return 1
    return 1


def review_all(bundle: Bundle, brought: Brought, known: Known) -> list[Finding]:
    """Return what is to be said of everything in a bundle, and of what cannot be used."""
    both = replace(
        known,
        playbooks=_with(known.playbooks, brought.playbooks, len(bundle.files) > 2),
        functions=_with(known.functions, brought.functions, len(bundle.files) > 2),
    )
    found: list[Finding] = []
    for path, what in brought.paths.items():
        source = bundle.files[path].decode("utf-8-sig", "replace")
        found += review(path, source, what, both)
    told = {f.file for f in found if f.kind == "syntax"}
    found += [
        Finding(file=path, line=1, level=ERROR, kind="refused", sentence=why)
        for path, why in brought.refused.items()
        if path not in told
    ]
    return sorted(found)


def _with(
    known: frozenset[str] | None, here: Mapping[str, object], whole: bool
) -> frozenset[str] | None:
    """Return the names that are known or come with the bundle; None where both say little."""
    if known is None and not whole:
        return None
    return (known or frozenset()) | here.keys()
