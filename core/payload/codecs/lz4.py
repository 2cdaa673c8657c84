"""LZ4 in the legacy format that kernel builds use, each block decoded by liblz4.

The lz4 package allocates and copies 8 MiB for every block, which takes longer than decoding; the
library inside it is called with one buffer instead, where it can be reached.

Source: lz4_Frame_format.md, "Legacy frame"; lib/decompress_unlz4.c. The format has no checksum
and no end mark: only sizes can be checked. In an initrd four zeros end it, and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Callable, Iterator

from warmboot.core.payload.codecs.base import (
    WORK,
    Piece,
    Source,
    check_blocks,
    check_trailing,
    damaged,
    not_installed,
    truncated,
)

_MAGIC = 0x184C2102
_BLOCK = 8 * 1024 * 1024
_STEP = 1 << 20  # bytes of a block that are handed on at a time
_LARGEST = _BLOCK + _BLOCK // 255 + 16  # what an incompressible block may take


def kernel_memory(_source: Source) -> int:
    """A whole block of output; the input is read where it stands."""
    return _BLOCK + WORK


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one or more legacy frames behind each other, a block at a time."""
    expand = _expander()
    if source.read(4) != _MAGIC.to_bytes(4, "little"):
        raise damaged("lz4", "it does not start with the legacy magic")
    produced = blocks = 0
    while source.left:
        blocks += 1
        check_blocks("lz4", blocks)
        head = source.read(4)
        count = int.from_bytes(head, "little")
        if count == _MAGIC and len(head) == 4:
            continue
        if not source.exact and (len(head) < 4 or not count):
            source.end = source.position - len(head)
            return
        if source.exact and source.left == 0:
            source.behind = len(head)
            check_trailing("lz4", head, produced)
            return
        if not 0 < count <= _LARGEST:
            raise damaged("lz4", f"invalid block size: {count} bytes")
        piece = expand(source, count)
        produced += len(piece)
        for start in range(0, len(piece), _STEP):
            yield piece[start : start + _STEP]
    source.end = source.position


def _expander() -> Callable[[Source, int], Piece]:
    """Return what decodes the next so many bytes; its result holds until it is called again."""
    try:
        import lz4.block
    except ImportError as error:
        raise not_installed("lz4", "lz4", "apt-get install python3-lz4") from error
    try:
        library = ctypes.CDLL(lz4.block._block.__file__)
        function = library.LZ4_decompress_safe
    except (AttributeError, OSError):
        return _by_package
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
    function.restype = ctypes.c_int
    window = _room()
    place = ctypes.addressof(ctypes.c_char.from_buffer(window))

    def expand(source: Source, count: int) -> Piece:
        if source.read_into(window[_BLOCK : _BLOCK + count]) < count:
            raise truncated("lz4")
        made = function(place + _BLOCK, place, count, _BLOCK)
        if made < 0:
            raise damaged("lz4", f"a block does not decode, near its byte {-made - 1}")
        return window[:made]

    return expand


def _room() -> memoryview:
    """Return memory for a block, and behind it for what it is decoded from.

    In large pages where there are any: to be given the small ones takes as long as decoding.
    """
    try:
        room = mmap.mmap(-1, _BLOCK + _LARGEST, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(str(error)) from error
    with contextlib.suppress(OSError):  # a kernel that has none
        room.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(room)


def _by_package(source: Source, count: int) -> Piece:
    import lz4.block

    block = source.read(count)
    if len(block) < count:
        raise truncated("lz4")
    try:
        return bytes(lz4.block.decompress(block, uncompressed_size=_BLOCK))
    except (lz4.block.LZ4BlockError, ValueError, MemoryError) as error:
        raise damaged("lz4", f"a block does not decode: {error}") from error
