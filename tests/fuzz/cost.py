"""What reading an input may cost: time and memory, by the bytes that it has."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

#: Seconds of a processor; the code is instrumented here, which makes it several times slower.
TIME, TIME_PER_BYTE = 1.0, 40e-6
#: Bytes at the peak.
MEMORY, MEMORY_PER_BYTE = 64 << 20, 256
_WORTH_A_LOOK = 0.005  # seconds; whatever is quicker has not filled memory


class TooExpensive(Exception):
    """An input took more than its size accounts for."""


def limited(read: Callable[[bytes], None], data: bytes) -> None:
    """Read `data`; raises TooExpensive where that took too much, and what `read` raises."""
    before = _resident("VmRSS")
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak; see proc(5)
    start = time.process_time()
    try:
        read(data)
    finally:
        spent = time.process_time() - start
        if spent > TIME + TIME_PER_BYTE * len(data):
            raise TooExpensive(f"{spent:.1f} s for {len(data)} bytes")
        if spent > _WORTH_A_LOOK:
            grown = _resident("VmHWM") - before
            if grown > MEMORY + MEMORY_PER_BYTE * len(data):
                raise TooExpensive(f"{grown >> 20} MiB for {len(data)} bytes")


def _resident(name: str) -> int:
    """Return a number of bytes out of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    return 0
