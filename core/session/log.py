"""What the kernel and warmboot logged since this program began to look."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from warmboot.core.debug import keep, kept
from warmboot.core.host.kmsg import NewKernelLines

_KEPT = 1000  # lines of each


class SessionLog:
    """The lines of one session. The kernel's are read when they are asked for."""

    def __init__(self) -> None:
        self._kernel: NewKernelLines | None = None
        self._lines: deque[str] = deque(maxlen=_KEPT)
        keep(_KEPT)

    def watch(self, prefix: Path) -> None:
        """Take notice of what the kernel of the machine below `prefix` logs from now on."""
        if self._kernel is None:
            self._kernel = NewKernelLines(prefix).__enter__()

    @property
    def readable(self) -> bool:
        """Whether this user may read the kernel's log."""
        return self._kernel is not None and self._kernel.readable

    def kernel(self) -> tuple[str, ...]:
        """Return what the kernel logged, oldest first, printable; at most the last thousand."""
        if self._kernel is not None:
            self._lines.extend(self._kernel.new_lines(_KEPT))
        return tuple(self._lines)

    def own(self) -> tuple[str, ...]:
        """Return what warmboot read, decided and called, oldest first, printable."""
        return kept()

    def close(self) -> None:
        """Keep no more lines."""
        if self._kernel is not None:
            self._kernel.__exit__(None, None, None)
        keep(0)
