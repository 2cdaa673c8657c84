"""Digest and scan of a file while it is being written, on the other core.

SHA-256 and the search for the banner cost as much as decompression itself for the fast methods;
done by a thread that follows the writer they cost no waiting.
"""

from __future__ import annotations

import hashlib
import os
import threading
from types import TracebackType
from typing import Self

from warmboot.core.errors import ImageError
from warmboot.core.payload.scan import KernelScanner

_CHUNK = 256 * 1024


class Follower:
    """Reads the file behind a descriptor as far as it is told that there is something to read.

    `scanner` is complete after `finish`; it is fed until it has what it looks for.
    """

    def __init__(self, fd: int, scanner: KernelScanner | None = None) -> None:
        self.scanner = scanner or KernelScanner()
        self._digest = hashlib.sha256()
        self._fd = fd
        self._written = 0
        self._ended = False
        self._error: ImageError | None = None
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="warmboot-follower", daemon=True)
        self._thread.start()

    def written(self, size: int) -> None:
        """Tell that the file holds `size` bytes now."""
        with self._news:
            self._written = size
            self._news.notify()

    def finish(self) -> str:
        """Wait until everything written was read; return the SHA-256 in hexadecimal.

        Raises ImageError where the file could not be read to its end.
        """
        self._end()
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest()

    def abandon(self) -> None:
        """Stop reading; the file may be closed afterwards."""
        with self._news:
            self._written = 0
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abandon()

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
                if count == 0:
                    raise ImageError("The file became shorter while it was read", offset=position)
                self._digest.update(part[:count])
                self.scanner.feed(buffer, count)
                position += count
        except ImageError as error:
            self._error = error
        except OSError as error:
            self._error = ImageError(f"The file cannot be read: {error.strerror}", offset=position)

    def _await(self, position: int) -> int:
        """Wait for more than `position` bytes, or the end; return how many there are."""
        with self._news:
            while self._written <= position and not self._ended:
                self._news.wait()
            return self._written


def follow_file(fd: int, *, banner: bool = False) -> Follower:
    """Return a follower that reads a whole file from now on; for the `banner` only if asked to."""
    follower = Follower(fd, KernelScanner(banner=banner, config=False))
    follower.written(os.fstat(fd).st_size)
    return follower
