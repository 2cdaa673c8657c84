"""A progress line on a terminal; silence anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from warmboot.core.hints import Self
from warmboot.core.progress import Phase, Progress
from warmboot.core.text import size
from warmboot.tui.commands import output

_WIDTH = 20


class ProgressLine:
    """Draws reports on one line of stderr, where stderr is a terminal; wipes it at the end."""

    def __init__(self, *, shown: bool = True) -> None:
        self._show = shown and sys.stderr.isatty()
        self._phase: Phase | None = None
        self._since = 0.0

    def report(self, progress: Progress) -> None:
        """Draw one report."""
        if not self._show:
            return
        now = time.monotonic()
        if progress.phase is not self._phase:
            self._phase, self._since = progress.phase, now
        bytes_done = progress.produced or progress.done
        spent = now - self._since
        rate = f"{size(int(bytes_done / spent))}/s" if spent > 0.05 else ""
        line = progress.phase.value
        if progress.fraction is not None:
            full = int(progress.fraction * _WIDTH)
            bar = "#" * full + "-" * (_WIDTH - full)
            line = f"{line:<20} [{bar}] {progress.fraction:4.0%} {size(bytes_done):>9} {rate:>13}"
        self._show = output.complain(f"\r\x1b[K{line}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._phase is not None:
            output.complain("\r\x1b[K")
