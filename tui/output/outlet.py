"""The thread that writes to the terminal, so that nothing else ever waits for a slow line."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue


class Outlet:
    """Writes blocks in their order to `fd`, and calls `written` (on its own thread) behind each.

    A terminal that has gone takes nothing any more: what is written then is lost.
    """

    def __init__(self, fd: int, written: Callable[[], None]) -> None:
        self._fd = fd
        self._written = written
        self._blocks: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True, name="terminal-output")
        self._thread.start()

    def send(self, block: bytes) -> None:
        """Have a block written; returns at once."""
        self._blocks.put(block)

    def close(self, seconds: float) -> None:
        """Wait until all is written, but no longer than this: the line may be dead."""
        self._blocks.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            try:
                while block:
                    block = block[os.write(self._fd, block) :]
            except OSError:  # EIO: nobody is there to read it
                pass
            self._written()
