"""What work costs: seconds of a processor, as of a quiet machine, and bytes of memory.

Machines differ, and what runs beside a test slows it down. So a yardstick of known length is run
beside the work, and the time that the work took is told in its units.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

#: What the yardstick takes on the quiet machine whose seconds are meant.
YARDSTICK = 0.02
ATTEMPTS = 3


def _yardstick(clock: Callable[[], float] = time.process_time) -> float:
    """Return the seconds that a fixed piece of ordinary work takes now."""
    start = clock()
    seen: dict[str, int] = {}
    for number in range(60_000):
        word = f"a{number}=b"
        name, _, value = word.partition("=")
        seen[name] = seen.get(value, number) + len(word)
    return clock() - start


def slowness() -> float:
    """Return how many times as long as on a quiet machine one waits for work now, at least 1."""
    return max(1.0, _yardstick(time.monotonic) / YARDSTICK)


def seconds(work: Callable[[], object], enough: float) -> float:
    """Return the quiet machine's seconds that `work` takes: the least of some attempts, or what
    one of them takes that is no more than `enough`.
    """
    least = float("inf")
    for _ in range(ATTEMPTS):
        start = time.process_time()
        work()
        spent = time.process_time() - start
        if spent > enough:
            spent *= YARDSTICK / _yardstick()
        least = min(least, spent)
        if least <= enough:
            break
    return least


def resident(name: str) -> int:
    """Return a line of /proc/self/status in bytes: VmRSS, or VmHWM since it was reset; proc(5)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))
