"""How much of the processors others took while something was measured."""

from __future__ import annotations

import os
import time
from pathlib import Path

_QUIET = 0.1  # a share of all processors; more makes what needs two of them worse


class Busy:
    """Begins to look when it is made; `sentence` says what was seen since."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._start = time.monotonic()
        self._all = _all_processors()
        self._own = _own()

    def share(self) -> float:
        """Return the share of all processors that others had since then, 0.0 to 1.0."""
        others = (_all_processors() - self._all) - (_own() - self._own)
        room = (time.monotonic() - self._start) * (os.cpu_count() or 1)
        return min(1.0, max(0.0, others / room))

    def sentence(self) -> str:
        """Return what a reader of the figures must know of the machine."""
        share = self.share()
        said = (
            f"The load average was {self._load:.1f} before; others then used {share:.0%} "
            f"of {os.cpu_count()} processors."
        )
        if share <= _QUIET and self._load <= 1.0:
            return said
        return f"{said} The machine was busy: what is near its bound has to be measured again."


def _all_processors() -> float:
    """Return the seconds that all processors worked, or were taken away; source: proc_stat(5)."""
    words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    user, nice, system, _idle, _wait, interrupts, soft, stolen = map(int, words[1:9])
    ticks = user + nice + system + interrupts + soft + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Return the processor seconds of this process and of those it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
