"""cpio archives as the kernel unpacks them: the newc form, read front to back.

Source: Documentation/driver-api/early-userspace/buffer-format.rst; init/initramfs.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from warmboot.core.errors import ImageError
from warmboot.core.images import View
from warmboot.core.payload.codecs import Piece
from warmboot.core.progress import Cancel
from warmboot.core.text import printable

MAGICS = (b"070701", b"070702")
_HEADER = 110
_NAME_LIMIT = 4096  # PATH_MAX, which the kernel holds names to
_MEMBERS = 500_000
_RELEASES = 32
_TRAILER = b"TRAILER!!!"
_MODULES = re.compile(rb"(?:\./|/)?(?:usr/)?lib/modules/([^/]+)/.")


class Stream(Protocol):
    """Bytes in order: `take` some, or `skip` over them; ImageError where they end too early."""

    position: int

    def take(self, count: int, what: str) -> bytes: ...

    def skip(self, count: int) -> None: ...


class ViewStream:
    """A stream over an uncompressed part of a file: what is skipped is not read."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.position = 0

    def take(self, count: int, what: str) -> bytes:
        data = self._view.read(self.position, count, what)
        self.position += count
        return data

    def skip(self, count: int) -> None:
        self.position += count


class PieceStream:
    """A stream over what a decoder yields; more than `limit` bytes are refused."""

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

    def drain(self) -> int:
        """Decode what is left and return how many bytes that were."""
        before = self.position
        while self._next(1 << 20):
            pass
        return self.position - before

    def _next(self, count: int) -> memoryview:
        """Return up to `count` of the next bytes, none at the end."""
        while not self._piece:
            if self._cancel is not None:
                self._cancel.check()
            piece = next(self._pieces, None)
            if piece is None:
                return memoryview(b"")
            self._produced += len(piece)
            if self._produced > self._limit:
                raise ImageError(
                    f"The initrd unpacks to more than {self._limit} bytes",
                    hint="The file is damaged, or made to fill memory. Do not use it.",
                )
            self._piece = memoryview(piece)
        part, self._piece = self._piece[:count], self._piece[count:]
        self.position += len(part)
        return part


@dataclass(slots=True)
class Contents:
    """What an archive holds, as far as it was read.

    `names` are the first ones, printable; `members` counts all; `releases` are the kernels with a
    file in lib/modules. `ended` says whether the archive's end was reached.
    """

    names: list[str] = field(default_factory=list)
    members: int = 0
    releases: list[str] = field(default_factory=list)
    ended: bool = False


def read_archive(stream: Stream, head: int) -> Iterator[Contents]:
    """Yield what is known of an archive after each member, until its end.

    `head` is how many names are kept. Raises ImageError for anything that is no newc archive.
    The caller stops whenever it knows enough.
    """
    contents = Contents()
    while contents.members < _MEMBERS:
        name, size = _member(stream)
        if name == _TRAILER:
            contents.ended = True
            yield contents
            return
        contents.members += 1
        if len(contents.names) < head:
            contents.names.append(printable(name, 1024))
        found = _MODULES.match(name)
        if found and len(contents.releases) < _RELEASES:
            release = printable(found[1], 256)
            if release not in contents.releases:
                contents.releases.append(release)
        yield contents
        stream.skip(size + -size % 4)
    raise ImageError(f"The archive holds more than {_MEMBERS} files")


def _member(stream: Stream) -> tuple[bytes, int]:
    """Read a header and a name; return the name and the file's size in bytes."""
    start = stream.position
    header = stream.take(_HEADER, "next file")
    if header[:6] not in MAGICS:
        raise ImageError("A file of the archive has no newc header", offset=start)
    try:
        size, length = int(header[54:62], 16), int(header[94:102], 16)
    except ValueError as error:
        raise ImageError("A number in the archive is malformed", offset=start) from error
    if not 0 < length <= _NAME_LIMIT:
        raise ImageError(f"Invalid name length in the archive: {length} bytes", offset=start)
    name = stream.take(length + -(_HEADER + length) % 4, "name")[:length].split(b"\0", 1)[0]
    if size < 0:
        raise ImageError("A file of the archive has a negative size", offset=start)
    return name, size
