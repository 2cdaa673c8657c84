"""The bytes of an archive in order, out of a file or out of a decoder."""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.hints import Protocol
from warmboot.core.images import View
from warmboot.core.payload.codecs import Piece
from warmboot.core.progress import Cancel

_CHUNK = 1 << 16


class OutOfBound(ImageError):
    """More content than is looked at: it says nothing of what the kernel would do."""


class Stream(Protocol):
    """Bytes in order; `take` and `skip` raise ImageError where they end too early.

    `padding` goes over zeros and returns the byte behind them, None at the end. `rest` goes over
    up to so many bytes that may be missing. `complete`: the kernel notices where it breaks off.
    """

    position: int
    complete: bool

    def take(self, count: int, what: str) -> bytes: ...

    def skip(self, count: int) -> None: ...

    def padding(self) -> int | None: ...

    def rest(self, count: int) -> None: ...


class ViewStream:
    """A stream over an uncompressed part of a file: what is skipped is not read."""

    complete = False

    def __init__(self, view: View, position: int) -> None:
        self._view = view
        self.position = position

    def take(self, count: int, what: str) -> bytes:
        if count > self._view.size - self.position:
            raise ImageError(f"The archive ends before its {what}", offset=self.position)
        data = self._view.read(self.position, count, what)
        self.position += count
        return data

    def skip(self, count: int) -> None:
        if count > self._view.size - self.position:
            raise ImageError("The archive ends in the middle of a file", offset=self.position)
        self.position += count

    def padding(self) -> int | None:
        while self.position < self._view.size:
            count = min(_CHUNK, self._view.size - self.position)
            rest = self._view.read(self.position, count, "padding").lstrip(b"\0")
            self.position += count - len(rest)
            if rest:
                return rest[0]
        return None

    def rest(self, count: int) -> None:
        self.position += min(count, self._view.size - self.position)


class PieceStream:
    """A stream over what a decoder yields; more than `limit` bytes are not looked at."""

    complete = True

    def __init__(self, pieces: Iterator[Piece], limit: int, cancel: Cancel | None) -> None:
        self._pieces = pieces
        self._limit = limit
        self._cancel = cancel
        self._piece = memoryview(b"")
        self._produced = 0
        self.position = 0

    def take(self, count: int, what: str) -> bytes:
        parts = []
        wanted = count
        while wanted:
            part = self._next(wanted)
            if not part:
                raise ImageError(f"The archive ends before its {what}")
            parts.append(bytes(part))
            wanted -= len(part)
        return b"".join(parts)

    def skip(self, count: int) -> None:
        while count:
            part = self._next(count)
            if not part:
                raise ImageError("The archive ends in the middle of a file")
            count -= len(part)

    def padding(self) -> int | None:
        while self._fill():
            rest = bytes(self._piece[:_CHUNK]).lstrip(b"\0")
            count = min(_CHUNK, len(self._piece)) - len(rest)
            self._piece = self._piece[count:]
            self.position += count
            if rest:
                return rest[0]
        return None

    def rest(self, count: int) -> None:
        self.skip(count)

    def drain(self) -> None:
        """Decode what is left."""
        while self._next(_CHUNK):
            pass

    def _next(self, count: int) -> memoryview:
        """Return up to `count` of the next bytes, none at the end."""
        if not self._fill():
            return memoryview(b"")
        part, self._piece = self._piece[:count], self._piece[count:]
        self.position += len(part)
        return part

    def _fill(self) -> bool:
        """Have a byte ready; False at the end of the stream."""
        while not self._piece:
            if self._cancel is not None:
                self._cancel.check()
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._produced += len(piece)
            if self._produced > self._limit:
                raise OutOfBound(f"it unpacks to more than {self._limit} bytes")
            self._piece = memoryview(piece)
        return True
