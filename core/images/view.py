"""Bounds-checked reading: every multi-byte read of an image goes through here."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod

from warmboot.core.errors import ImageError
from warmboot.core.text import printable, size

_BLOCK = 4096
#: The kernel reads no larger file for kexec, in bytes: KEXEC_FILE_SIZE_MAX in
#: kernel/kexec_internal.h; up to Linux 6.15 it was INT_MAX. So warmboot reads none either.
LARGEST_FILE = 4 << 30


class View(ABC):
    """A range of bytes of known size, read by offset, never as a whole.

    `base` is the offset of the range in its file, so that errors name file positions.
    """

    def __init__(self, size: int, base: int = 0) -> None:
        self.size = size
        self.base = base

    @abstractmethod
    def _fetch(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes at `offset`; the range is already checked."""

    @abstractmethod
    def readinto(self, offset: int, buffer: memoryview) -> int:
        """Fill `buffer` from `offset` and return the bytes read, 0 at the end."""

    def read(self, offset: int, count: int, what: str) -> bytes:
        """Return exactly `count` bytes at `offset`; raise ImageError naming `what` otherwise."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ImageError(
                f"The file ends before its {what}: {count} bytes expected, "
                f"{max(0, self.size - offset)} there",
                offset=self.base + max(offset, 0),
                hint="The file is truncated or damaged. Compare its size with the original.",
            )
        data = self._fetch(offset, count)
        if len(data) != count:
            raise ImageError(
                f"The file became shorter while its {what} was read",
                offset=self.base + offset,
                hint="Something else is writing to the file. Try again when it has finished.",
            )
        return data

    def head(self, count: int) -> bytes:
        """Return the first `count` bytes, fewer where the view is shorter."""
        return self.read(0, min(count, self.size), "header")

    def u8(self, offset: int, what: str) -> int:
        """Return an unsigned byte."""
        return self.read(offset, 1, what)[0]

    def u16(self, offset: int, what: str) -> int:
        """Return an unsigned little-endian 16-bit number."""
        return int.from_bytes(self.read(offset, 2, what), "little")

    def u32(self, offset: int, what: str) -> int:
        """Return an unsigned little-endian 32-bit number."""
        return int.from_bytes(self.read(offset, 4, what), "little")

    def u64(self, offset: int, what: str) -> int:
        """Return an unsigned little-endian 64-bit number."""
        return int.from_bytes(self.read(offset, 8, what), "little")

    def text(self, offset: int, limit: int, what: str) -> str:
        """Return the NUL-terminated text at `offset`, at most `limit` bytes, made printable."""
        count = min(limit, self.size - offset)
        return printable(self.read(offset, max(count, 0), what).split(b"\0", 1)[0])

    def part(self, offset: int, count: int, what: str) -> View:
        """Return the range of `count` bytes at `offset` as a view of its own."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise ImageError(
                f"The {what} reaches beyond the end of the file: "
                f"{offset:#x} + {count} bytes in a file of {self.size}",
                offset=self.base + max(offset, 0),
                hint="The file is truncated or damaged. Compare its size with the original.",
            )
        return _Part(self, offset, count)


def too_large(view: View) -> str | None:
    """Return what to say of a file that the kernel would not read for its size, None for others."""
    if view.size <= LARGEST_FILE:
        return None
    return f"it has {size(view.size)}; the kernel reads no file of more than {size(LARGEST_FILE)}"


class BytesView(View):
    """A view of bytes in memory."""

    def __init__(self, data: bytes) -> None:
        super().__init__(len(data))
        self._data = data

    def _fetch(self, offset: int, count: int) -> bytes:
        return self._data[offset : offset + count]

    def readinto(self, offset: int, buffer: memoryview) -> int:
        chunk = self._data[offset : offset + len(buffer)]
        buffer[: len(chunk)] = chunk
        return len(chunk)


class FileView(View):
    """A view of an open file, read with pread(2).

    Not a mapping: a file that shrinks while it is read gives an error here, where a mapping
    would kill the process with SIGBUS. Headers are read in many small pieces, so the file's start
    and the place that was read last are kept. What the disk does not give is an ImageError.
    """

    def __init__(self, fd: int, size: int) -> None:
        super().__init__(size)
        self._fd = fd
        self._head = self._pread(min(_BLOCK, size), 0)
        # Offset and bytes: one value, for threads that read the same file.
        self._near = 0, b""

    def read(self, offset: int, count: int, what: str) -> bytes:
        """Return exactly `count` bytes at `offset`; raise ImageError naming `what` otherwise."""
        if 0 <= offset <= (end := offset + count) <= len(self._head):
            return self._head[offset:end]
        place, near = self._near
        if place <= offset <= end <= place + len(near):
            return near[offset - place : end - place]
        return super().read(offset, count, what)

    def _fetch(self, offset: int, count: int) -> bytes:
        if count > _BLOCK:
            return self._pread(count, offset)
        place, near = self._near
        start = offset - place
        if not 0 <= start <= start + count <= len(near):
            start = offset % _BLOCK
            near = self._pread(2 * _BLOCK, offset - start)
            self._near = offset - start, near
        return near[start : start + count]

    def readinto(self, offset: int, buffer: memoryview) -> int:
        try:
            return os.preadv(self._fd, [buffer], offset)
        except OSError as error:
            raise _unreadable(error, offset) from error

    def _pread(self, count: int, offset: int) -> bytes:
        try:
            return os.pread(self._fd, count, offset)
        except OSError as error:
            raise _unreadable(error, offset) from error


def _unreadable(error: OSError, offset: int) -> ImageError:
    return ImageError(
        f"The file cannot be read: {error.strerror}",
        offset=offset,
        hint="Its disk or file system may be failing; the kernel log (dmesg) says more.",
    )


class _Part(View):
    def __init__(self, parent: View, offset: int, size: int) -> None:
        super().__init__(size, parent.base + offset)
        self._parent = parent
        self._offset = offset

    def _fetch(self, offset: int, count: int) -> bytes:
        return self._parent._fetch(self._offset + offset, count)

    def readinto(self, offset: int, buffer: memoryview) -> int:
        room = max(0, min(len(buffer), self.size - offset))
        return self._parent.readinto(self._offset + offset, buffer[:room])
