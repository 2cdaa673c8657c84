"""Our parsers as Python: what the program does with an image, without running it.

Same checks in the same order as the C source beside this file; a test compares the two on
generated and damaged images.
"""

from __future__ import annotations

from warmboot.core.bpf.abi import Dialect, Kind
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.bpf.dialects.pieces import Refused
from warmboot.core.bpf.refusal import Outcome
from warmboot.core.errors import ImageError
from warmboot.core.images import View


def run_model(view: View, dialect: Dialect, kind: Kind, record_size: int) -> Outcome:
    """Return what the parser of this dialect and kind makes of the bytes it is given.

    `record_size` (bytes) is the parser's record, command header included. A refusal comes with
    what the parser hands over all the same.
    """
    facts = facts_of(dialect)
    program = facts.programs.get(kind)
    if program is None:
        raise ImageError(f"There is no parser of dialect {dialect} for {kind.name}")
    try:
        return Outcome(program(view, record_size - facts.header.size))
    except Refused as refused:
        return Outcome(facts.refused, refused.refusal)
