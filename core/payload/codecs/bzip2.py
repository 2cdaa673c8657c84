"""bzip2, decoded by the standard library; each block's CRC is verified there, as in the kernel.

Source: lib/decompress_bunzip2.c.
"""

from __future__ import annotations

import bz2
from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.payload.codecs.base import WORK, Lost, Piece, Source, damaged, drain, refused

_LAST = 16  # bytes
_END, _END_MASK = 0x177245385090, (1 << 48) - 1
_BLOCK_FLAGS = 14  # behind the magic of stream and block and the block's checksum


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one bzip2 stream."""
    if source.by_kernel and source.peek(_BLOCK_FLAGS, 1)[:1] >= b"\x80":
        raise refused("bzip2", "its blocks are randomised, as before version 0.9.5")
    try:
        yield from drain("bzip2", source, bz2.BZ2Decompressor())
    except (OSError, ValueError) as error:
        found = damaged("bzip2", str(error))
        raise (found if _has_end_mark(source) else Lost(found.message, hint=found.hint)) from error
    except ImageError as error:
        if _has_end_mark(source):
            raise
        raise Lost(error.message, hint=error.hint) from error


def kernel_memory(source: Source) -> int:
    """Four bytes for each of a block, whose size the header tells in units of 100 kB."""
    level = source.peek(3, 1)
    blocks = level[0] - ord("0") if level and level.isdigit() else 9
    return blocks * 400_000 + WORK


def _has_end_mark(source: Source) -> bool:
    """Whether the mark in front of the last checksum is there, at any bit: without it the kernel
    drops what it decoded last."""
    bits = int.from_bytes(source.peek(max(0, source.size - _LAST), _LAST), "big")
    return any(bits >> shift & _END_MASK == _END for shift in range(8 * _LAST))
