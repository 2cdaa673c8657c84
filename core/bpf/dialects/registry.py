"""The dialects of the parser interface: one row for each, from the module of its name."""

from __future__ import annotations

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.dialects.base import DialectFacts
from warmboot.core.bpf.dialects.v6 import FACTS as V6
from warmboot.core.bpf.dialects.v7 import FACTS as V7

DIALECTS: dict[Dialect, DialectFacts] = {Dialect.V6: V6, Dialect.V7: V7}
