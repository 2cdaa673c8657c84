"""What the kernel takes in the call that runs parsers, and whether that is free.

A kernel of dialect v6 that runs out of memory in there does not come back, so what is needed is
counted from the objects that really go in, and memory that a replay used is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from warmboot.core.images import View
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.values import NamedTuple

#: Kept free beside what is counted, in bytes: page tables, the verifier, rounding.
MARGIN = 16 << 20
#: What loading a parser takes beside its first ring: three small ones, program, verifier; bytes.
BESIDE = 1 << 20

_PATIENCE = 3.0  # seconds; a ring was seen to come back after 0.3
_PAUSE = 0.02
_NOISE = 2 << 20


class CallMemory(NamedTuple):
    """Sizes in bytes of what goes into the call: the rings of all parsers, both files, the kernel
    as it will be unpacked, and the initrd with the number of times that it is there inside the
    kernel beside its file. `decompressor` is what unpacking takes for itself, see kernel_memory."""

    rings: int
    kernel_file: int
    initrd_file: int
    kernel: int
    initrd: int
    initrd_copies: int
    decompressor: int

    @property
    def needed(self) -> int:
        """What the kernel takes at most inside the call, the margin included."""
        files = self.kernel_file + self.initrd_file
        # Unpacked, and as segments.
        kernel, initrd = 2 * self.kernel, self.initrd_copies * self.initrd
        return self.rings + files + kernel + initrd + self.decompressor + MARGIN


def rings_of(parsers: Iterable[View]) -> int:
    """Return the bytes of all ring buffers that parsers make; raises ImageError."""
    return sum(memory_of(ParserObject.parse(parser)) for parser in parsers)


def memory_of(parser: ParserObject) -> int:
    """Return the bytes that loading a parser takes."""
    return sum(m.ring for m in parser.maps if m.ring is not None) + BESIDE


def wait_for_memory(before: int | None, available: Callable[[], int | None]) -> int | None:
    """Wait until as much memory is free again as was `before`; return what is free then.

    Maps go some time after their last descriptor. After a few seconds what is there is what counts.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        now = available()
        if before is None or now is None or now >= before - _NOISE or time.monotonic() >= end:
            return now
        time.sleep(_PAUSE)
