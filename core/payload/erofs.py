"""EROFS, as mkfs.erofs writes it: folders, and the content of files that are not compressed.

Source: fs/erofs/erofs_fs.h and Documentation/filesystems/erofs.rst. Folders are not compressed.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.images import View
from warmboot.core.payload.file_tree import Entry, Kind
from warmboot.core.values import NamedTuple

MAGIC = 0xE0F5E1E2
_SUPER = 1024
_SLOT = 32  # inodes are counted in units of so many bytes
_COMPACT, _EXTENDED = 32, 64
_FLAT, _INLINE = 0, 2  # layouts of data; the others are compressed or in chunks
_DIRENT = 12
_KINDS = {1: Kind.FILE, 2: Kind.FOLDER}
_FOLDERS = 64 << 20  # bytes of all folders that are looked at; a large initrd has less than one MiB
#: s_feature_incompat: inodes of 48-bit block addresses have other fields.
_48BIT = 0x80


class _Inode(NamedTuple):
    """`body` is where what follows the inode and its attributes is: the tail, where inline."""

    layout: int
    size: int
    start: int
    body: int


class ErofS:
    """An image that is read; raises ImageError where it is none."""

    def __init__(self, view: View) -> None:
        what = "EROFS superblock"
        if view.u32(_SUPER, what) != MAGIC:
            raise ImageError("it is no EROFS")
        bits = view.u8(_SUPER + 12, what)
        if not 9 <= bits <= 16 or view.u32(_SUPER + 80, what) & _48BIT:
            raise ImageError("it is an EROFS of a form that is not known here")
        self._view, self._block = view, 1 << bits
        self._inodes = view.u32(_SUPER + 40, what) << bits
        self.root: int = view.u16(_SUPER + 14, what)
        self._left = _FOLDERS

    def entries(self, inode: int) -> Iterator[Entry]:
        """Yield what is in a folder: blocks of entries with the names behind them."""
        found = self._inode(inode)
        self._left -= found.size  # folders may share their blocks, and name nothing in them
        content = self._content(found) if self._left >= 0 else None
        if content is None:
            raise ImageError("it has a folder that is compressed, or more than any real one has")
        for at in range(0, len(content), self._block):
            yield from _entries(content[at : at + self._block])

    def size(self, inode: int) -> int:
        """Return the size of a file."""
        return self._inode(inode).size

    def content(self, inode: int) -> bytes | None:
        """Return the content of a file, None where it is compressed."""
        return self._content(self._inode(inode))

    def _inode(self, number: int) -> _Inode:
        at, view, what = self._inodes + number * _SLOT, self._view, "EROFS inode"
        form = view.u16(at, what)
        extended = bool(form & 1)
        attributes = view.u16(at + 2, what)
        size = view.u64(at + 8, what) if extended else view.u32(at + 8, what)
        body = at + (_EXTENDED if extended else _COMPACT)
        body += 12 + 4 * (attributes - 1) if attributes else 0
        return _Inode(form >> 1 & 7, size, view.u32(at + 16, what), body)

    def _content(self, inode: _Inode) -> bytes | None:
        if inode.layout not in (_FLAT, _INLINE):
            return None
        tail = inode.size % self._block if inode.layout == _INLINE else 0
        whole = inode.size - tail
        at, what = inode.start * self._block, "EROFS data"
        content = self._view.read(at, whole, what) if whole else b""
        return content + (self._view.read(inode.body, tail, what) if tail else b"")


def _entries(block: bytes) -> Iterator[Entry]:
    """Yield the entries of a block; the first name's place tells how many there are."""
    first = int.from_bytes(block[8:10], "little")
    if first % _DIRENT or not _DIRENT <= first <= len(block):
        raise ImageError("it has a folder that is damaged")
    places = [int.from_bytes(block[at + 8 : at + 10], "little") for at in range(0, first, _DIRENT)]
    for number, start in enumerate(places):
        at = number * _DIRENT
        end = places[number + 1] if number + 1 < len(places) else len(block)
        name = block[start:end].split(b"\0", 1)[0]
        if name in (b"", b".", b".."):
            continue
        kind = _KINDS.get(block[at + 10], Kind.OTHER)
        yield Entry(name, kind, int.from_bytes(block[at : at + 8], "little"))
