"""SquashFS 4.0, as mksquashfs writes it: folders, and the content of small files.

Source: fs/squashfs/squashfs_fs.h and Documentation/filesystems/squashfs.rst. Inodes and folders
are in blocks of 8 KiB, each compressed by itself; an inode is known by where its block starts and
where it stands in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.images import View
from warmboot.core.payload.blocks import unpacker
from warmboot.core.payload.file_tree import Entry, Kind
from warmboot.core.values import NamedTuple

MAGIC = b"hsqs"
_SUPER = struct.Struct("<4sIIIIHHHHHHQQQQQQQQ")
_METADATA = 8192
_BLOCKS = 8192  # of metadata that are unpacked: 64 MiB; a large initrd has some hundreds
_CONTENT = 256 << 20  # bytes of data blocks that are read: any number of files may share one
_LARGEST = 1 << 20  # bytes of a data block: SQUASHFS_FILE_MAX_SIZE
_PLAIN, _DATA_PLAIN = 1 << 15, 1 << 24
_NONE = 0xFFFFFFFF
_METHODS = {1: "zlib", 2: "lzma", 3: "lzo", 4: "xz", 5: "lz4", 6: "zstd"}
_KINDS = {1: Kind.FOLDER, 2: Kind.FILE}
_FOLDER, _LONG_FOLDER = 1, 8
_FILE, _LONG_FILE = 2, 9
_HEADER = 16  # bytes that each inode starts with: type, mode, owner, time, number
_PER_BLOCK = 512  # fragments of a block of metadata


class _File(NamedTuple):
    """Where the content of a file is: blocks from `start` on, the rest in a fragment."""

    size: int
    start: int
    fragment: int
    offset: int
    blocks: tuple[int, ...]


class SquashFs:
    """An image that is read; raises ImageError where it is none, or one of another version."""

    def __init__(self, view: View) -> None:
        fields = _SUPER.unpack(view.read(0, _SUPER.size, "SquashFS superblock"))
        self._view = view
        self._block, self._fragments = fields[3], fields[4]
        if fields[0] != MAGIC or fields[9] != 4 or not 4096 <= self._block <= _LARGEST:
            raise ImageError("it is no SquashFS of version 4")
        self._unpack = unpacker(_METHODS.get(fields[5], "?"))
        self.root: int = fields[11]
        self._inodes, self._folders, self._table = fields[15], fields[16], fields[17]
        self._read: dict[int, tuple[bytes, int]] = {}
        self._left = _CONTENT

    def entries(self, inode: int) -> Iterator[Entry]:
        """Yield what is in a folder: runs of names whose inodes are in one block."""
        kind, at = self._inode(inode)
        if kind == _FOLDER:
            start, _, size, offset, _ = struct.unpack("<IIHHI", self._take(*at, 16)[0])
        elif kind == _LONG_FOLDER:
            raw = self._take(*at, 24)[0]
            _, size, start, _, _, offset, _ = struct.unpack("<IIIIHHI", raw)
        else:
            raise ImageError("it has a folder that is none")
        place, left = (
            (self._folders + start, offset),
            size - 3,
        )  # "." and ".." are counted, not kept
        while left > 0:
            raw, place = self._take(*place, 12)
            count, block, _ = struct.unpack("<III", raw)
            left -= 12
            if count >= 256:
                raise ImageError("it has a folder with too long a run of names")
            for _ in range(count + 1):
                raw, place = self._take(*place, 8)
                at_offset, _, basic, length = struct.unpack("<HhHH", raw)
                name, place = self._take(*place, length + 1)
                left -= 9 + length
                yield Entry(name, _KINDS.get(basic, Kind.OTHER), block << 16 | at_offset)

    def size(self, inode: int) -> int:
        """Return the size of a file."""
        return self._file(inode, blocks=False).size

    def content(self, inode: int) -> bytes | None:
        """Return the content of a file."""
        file = self._file(inode, blocks=True)
        parts, at, left = [], file.start, file.size
        for size in file.blocks:
            parts.append(self._data(at, size, min(left, self._block)))
            at += size & ~_DATA_PLAIN
            left -= len(parts[-1])
        if left:
            start, size = self._fragment(file.fragment)
            whole = self._data(start, size, self._block)
            parts.append(whole[file.offset : file.offset + left])
        content = b"".join(parts)
        if len(content) != file.size:
            raise ImageError("it has a file that is shorter than it says")
        return content

    def _file(self, inode: int, *, blocks: bool) -> _File:
        kind, at = self._inode(inode)
        if kind == _FILE:
            raw, place = self._take(*at, 16)
            start, fragment, offset, size = struct.unpack("<IIII", raw)
        elif kind == _LONG_FILE:
            raw, place = self._take(*at, 40)
            start, size, _, _, fragment, offset, _ = struct.unpack("<QQQIIII", raw)
        else:
            raise ImageError("it has a file that is none")
        whole = size // self._block if fragment != _NONE else -(-size // self._block)
        if not blocks:
            return _File(size, start, fragment, offset, ())
        if whole > self._view.size:
            raise ImageError("it has a file that is larger than the image could hold")
        sizes = struct.unpack(f"<{whole}I", self._take(*place, 4 * whole)[0])
        return _File(size, start, fragment, offset, sizes)

    def _inode(self, inode: int) -> tuple[int, tuple[int, int]]:
        """Return the type of an inode, and where its fields of that type are."""
        raw, place = self._take(self._inodes + (inode >> 16), inode & 0xFFFF, _HEADER)
        return int.from_bytes(raw[:2], "little"), place

    def _take(self, block: int, offset: int, count: int) -> tuple[bytes, tuple[int, int]]:
        """Return bytes of metadata, which may go on in the next block, and where they end."""
        found = bytearray()
        while True:
            content, after = self._metadata(block)
            part = content[offset : offset + count - len(found)]
            found += part
            if len(found) == count:
                return bytes(found), (block, offset + len(part))
            if offset > len(content) or not content:
                raise ImageError("it refers to metadata that is not there")
            block, offset = after, 0

    def _metadata(self, at: int) -> tuple[bytes, int]:
        """Return a block of metadata, and where the next one starts."""
        if at not in self._read:
            if len(self._read) >= _BLOCKS:
                raise ImageError("it has more metadata than any real one")
            head = self._view.u16(at, "SquashFS metadata")
            packed = self._view.read(at + 2, head & ~_PLAIN, "SquashFS metadata")
            content = packed if head & _PLAIN else self._unpack(packed, _METADATA)
            self._read[at] = content[:_METADATA], at + 2 + len(packed)
        return self._read[at]

    def _fragment(self, number: int) -> tuple[int, int]:
        if number >= self._fragments:
            raise ImageError("it refers to a fragment that is not there")
        block = self._view.u64(self._table + 8 * (number // _PER_BLOCK), "SquashFS fragments")
        raw, _ = self._take(block, 16 * (number % _PER_BLOCK), 16)
        start, size, _ = struct.unpack("<QII", raw)
        return start, size

    def _data(self, at: int, size: int, expected: int) -> bytes:
        """Return a block of data: one of no size is all zeros."""
        self._left -= self._block
        if size & ~_DATA_PLAIN > self._block or self._left < 0:
            raise ImageError("it has a block that is too large, or more data than any real one")
        if not size:
            return bytes(expected)
        packed = self._view.read(at, size & ~_DATA_PLAIN, "SquashFS data")
        return packed if size & _DATA_PLAIN else self._unpack(packed, self._block)
