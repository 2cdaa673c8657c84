"""The dialects of the parser interface; they are loaded where a kernel has one of them."""

from __future__ import annotations

from warmboot.core.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from warmboot.core.bpf.abi import Dialect
    from warmboot.core.bpf.dialects.base import DialectFacts


def facts_of(dialect: Dialect) -> DialectFacts:
    """Return what is special to a dialect."""
    from warmboot.core.bpf.dialects.registry import DIALECTS

    return DIALECTS[dialect]
