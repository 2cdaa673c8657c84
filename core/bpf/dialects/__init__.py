"""The dialects of the parser interface: one row for each, from the module of its name."""

from __future__ import annotations

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.dialects import v6, v7
from warmboot.core.bpf.dialects.base import DialectFacts

DIALECTS: dict[Dialect, DialectFacts] = {Dialect.V6: v6.FACTS, Dialect.V7: v7.FACTS}


def facts_of(dialect: Dialect) -> DialectFacts:
    """Return what is special to a dialect."""
    return DIALECTS[dialect]
