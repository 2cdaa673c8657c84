"""Digest and scan of a file while it is being written, on the other core.

SHA-256 and the search for the banner cost as much as decompression itself for the fast methods;
done by a thread that follows the writer they cost no waiting. Where it falls behind, the writer
searches what it writes and tells where nothing is.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType

from warmboot.core.errors import ImageError, WarmbootError
from warmboot.core.hints import Self
from warmboot.core.payload.scan import SEAM, KernelScanner, lacks

#: So many bytes are waited for while the file is being written: waking the reader costs the writer.
_CHUNK = 512 * 1024
#: Where so many wait to be read they are mapped: the reader is behind, and saves the copy. Where it
#: keeps up it does not, since unmapping stops the writer for a moment.
_MAPPED = 1 << 20
#: Bytes behind the writer, from which on the writer helps. Less, and what it does for the follower
#: keeps it from handing on more.
_LAG = 4 << 20
_RUNS = 64


class Follower:
    """Reads the file behind a descriptor as far as it is told that there is something to read.

    `scanner` is complete after `finish`; it is fed until it has what it looks for. A file that is
    this process's `own`, which nobody makes shorter, may be mapped rather than copied.
    """

    def __init__(self, fd: int, scanner: KernelScanner | None = None, *, own: bool = False) -> None:
        self.scanner = scanner or KernelScanner()
        self._sha256 = ""
        self._fd = fd
        self._own = own
        self._buffer = bytearray(_CHUNK)
        self._written = 0
        self._read = 0
        #: From where to where the writer knows that no mark ends, and the last bytes it wrote.
        self._clear: list[tuple[int, int]] = []
        self._last = b""
        self._ended = False
        self._error: BaseException | None = None
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="warmboot-follower", daemon=True)
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:  # "can't start new thread"
            raise _failed(error) from error

    def wrote(self, piece: bytes | bytearray | memoryview) -> None:
        """Tell that `piece` was appended to the file; all of the file has to be told of so."""
        start, data = self._written, memoryview(piece)
        end = start + len(data)
        with self._news:
            self._written = end
            if end - self._read >= _CHUNK:
                self._news.notify()
        seam = self._last + bytes(data[:SEAM])
        self._last = (self._last + bytes(data[-SEAM:]))[-SEAM:]
        marks = self.scanner.marks if end - self._read > _LAG else []
        if marks and not any(mark in seam for mark in marks) and lacks(data, marks):
            with self._news:
                if self._clear and self._clear[-1][1] == start:
                    self._clear[-1] = self._clear[-1][0], end
                elif len(self._clear) < _RUNS:  # what is full of marks has no more of them
                    self._clear.append((start, end))

    def begin(self) -> None:
        """Tell that the file is complete: all of it is read from now on."""
        size = os.fstat(self._fd).st_size
        with self._news:
            self._written, self._ended = size, True
            self._news.notify()

    @property
    def size(self) -> int:
        """How many bytes there are to read, as far as it was told."""
        return self._written

    @property
    def done(self) -> int:
        """How many bytes were read."""
        return self._read

    def busy(self, seconds: float) -> bool:
        """Wait for the end of a file that is complete, at most so long; whether it still reads."""
        with self._news:
            self._ended = True
            self._news.notify()
        self._thread.join(seconds)
        return self._thread.is_alive()

    def finish(self) -> str:
        """Wait until everything written was read; return the SHA-256 in hexadecimal.

        Raises ImageError where the file could not be read to its end, WarmbootError where anything
        else failed in the thread: what it has then is no digest of the file.
        """
        self._end()
        if isinstance(self._error, WarmbootError):
            raise self._error
        if self._error is not None:
            raise _failed(self._error) from self._error
        if self._read != self._written:
            raise _failed(RuntimeError("it ended too early"))
        return self._sha256

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
        try:
            self._follow()
        except BaseException as error:  # noqa: BLE001 (raised by finish, in the other thread)
            self._error = error

    def _follow(self) -> None:
        self._await(0)
        import hashlib  # which takes 3 ms to load; a call that is being made does not wait for it

        digest = hashlib.sha256()
        position = 0
        try:
            while (available := self._await(position)) > position:
                with self._part(position, available - position) as part:
                    count = len(part)
                    if count == 0:
                        text = "The file became shorter while it was read"
                        raise ImageError(text, offset=position)
                    digest.update(part)
                    self.scanner.feed(part, count, clear=self._is_clear(position, count))
                position += count
                self._read = position
            self._sha256 = digest.hexdigest()
        except OSError as error:
            text = f"The file cannot be read: {error.strerror}"
            raise ImageError(text, offset=position) from error

    def _part(self, position: int, count: int) -> memoryview:
        """Return up to `count` bytes of the file; they hold until the next ones are read."""
        if self._own and count >= _MAPPED:
            return _mapped(self._fd, position, _MAPPED)
        part = memoryview(self._buffer)[: min(_CHUNK, count)]
        return part[: os.preadv(self._fd, [part], position)]

    def _is_clear(self, position: int, count: int) -> bool:
        """Whether the writer knows that no mark ends in these bytes."""
        with self._news:
            while self._clear and self._clear[0][1] <= position:
                del self._clear[0]
            return bool(self._clear) and (
                self._clear[0][0] <= position and position + count <= self._clear[0][1]
            )

    def _await(self, position: int) -> int:
        """Wait for a chunk behind `position`, or the end; return how many bytes there are."""
        with self._news:
            while self._written < position + _CHUNK and not self._ended:
                self._news.wait()
            return self._written


def _mapped(fd: int, position: int, count: int) -> memoryview:
    """Return bytes of a file where they are; they are unmapped once released.

    The mapping is private: a shared one would stand against sealing the file.
    """
    import mmap

    skipped = position % mmap.ALLOCATIONGRANULARITY
    whole = mmap.mmap(fd, skipped + count, access=mmap.ACCESS_COPY, offset=position - skipped)
    return memoryview(whole)[skipped:]


def _failed(error: BaseException) -> WarmbootError:
    return WarmbootError(
        f"The file could not be read through: {str(error) or 'memory ran out'}",
        hint="Nothing was staged or recorded. Free memory, then try again.",
    )


def follow_file(fd: int, *, banner: bool = False, later: bool = False) -> Follower:
    """Return a follower that reads a whole file from now on; for the `banner` only if asked to.

    With `later` its thread is there and waits for `begin`.
    """
    follower = Follower(fd, KernelScanner(banner=banner, config=False))
    if not later:
        follower.begin()
    return follower
