"""Digest and scan of a memory file while it is being written, on the other core.

SHA-256 and the search for the banner cost as much as decompression itself for the fast methods;
done by a thread that follows the writer they cost no waiting.
"""

from __future__ import annotations

import hashlib
import os
import threading

from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.scan import KernelScanner

_CHUNK = 256 * 1024


class Follower:
    """Reads a memory file behind its writer; `sha256` and `scanner` are complete after finish."""

    def __init__(self, sink: MemFile) -> None:
        self.scanner = KernelScanner()
        self._digest = hashlib.sha256()
        self._fd = sink.fd
        self._written = 0
        self._ended = False
        self._error: OSError | None = None
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="warmboot-follower", daemon=True)
        self._thread.start()

    def written(self, size: int) -> None:
        """Tell that the file holds `size` bytes now."""
        with self._news:
            self._written = size
            self._news.notify()

    def finish(self) -> str:
        """Wait until everything written was read; return the SHA-256 in hexadecimal."""
        self._end()
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest()

    def abandon(self) -> None:
        """Stop reading; the file may be closed afterwards."""
        with self._news:
            self._written = 0
        self._end()

    def _end(self) -> None:
        with self._news:
            self._ended = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        buffer = bytearray(_CHUNK)
        window = memoryview(buffer)
        position = 0
        try:
            while (available := self._await(position)) > position:
                part = window[: min(_CHUNK, available - position)]
                count = os.preadv(self._fd, [part], position)
                self._digest.update(part[:count])
                self.scanner.feed(buffer, count)
                position += count
        except OSError as error:
            self._error = error

    def _await(self, position: int) -> int:
        """Wait for more than `position` bytes, or the end; return how many there are."""
        with self._news:
            while self._written <= position and not self._ended:
                self._news.wait()
            return self._written
