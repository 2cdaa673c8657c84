"""Progress out of long work, and cancellation into it; neither knows of threads or screens."""

from __future__ import annotations

import time
from collections.abc import Callable

from warmboot.core.enumeration import StrEnum
from warmboot.core.errors import Cancelled
from warmboot.core.values import dataclass


class Phase(StrEnum):
    """What long work is doing now, in the operator's words."""

    READ = "Copying the image"
    UNPACK = "Unpacking the kernel"
    INITRD = "Copying the initrd"
    CHECK = "Checking the copies"
    DIGEST = "Computing digests"
    LOAD = "Handing over to the kernel"


@dataclass(frozen=True)
class Progress:
    """One report: `done` of `total` input bytes worked off, `produced` bytes made from them.

    `total` is 0 where nothing tells how far it is.
    """

    phase: Phase
    done: int
    total: int
    produced: int = 0

    @property
    def fraction(self) -> float | None:
        """Share of the input worked off, 0.0 to 1.0; None where nothing tells how far it is."""
        return min(1.0, self.done / self.total) if self.total else None


Report = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """Take a report and do nothing: for callers who do not watch."""


class Cancel:
    """A request to stop, set from any thread and looked at by the work between two chunks.

    Work closes it at the point of no return; who asks later is told that it is too late.
    """

    def __init__(self) -> None:
        import threading  # which only those need whose work can be stopped

        self._lock = threading.Lock()
        self._requested = False
        self._closed = False

    def cancel(self) -> bool:
        """Ask the work to stop at the next chunk; return False where it is too late for that."""
        with self._lock:
            self._requested = self._requested or not self._closed
            return not self._closed

    def close(self) -> None:
        """Take no more requests; raise Cancelled where one was made before."""
        with self._lock:
            self._closed = True
            if self._requested:
                raise Cancelled

    def check(self) -> None:
        """Raise Cancelled where someone asked the work to stop."""
        if self._requested:
            raise Cancelled


class Reporter:
    """Passes on at most `per_second` reports by the clock; the first and the last always."""

    def __init__(
        self, report: Report, phase: Phase, total: int, *, per_second: float = 40.0
    ) -> None:
        self._report = report
        self._phase = phase
        self._total = total
        self._interval = 1.0 / per_second
        self._next = 0.0

    def advance(self, done: int, produced: int = 0) -> None:
        """Report the position, unless the last report was only just made."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval
            self._report(Progress(self._phase, done, self._total, produced))

    def finish(self, produced: int = 0) -> None:
        """Report that the phase is complete."""
        self._report(Progress(self._phase, self._total, self._total, produced))
