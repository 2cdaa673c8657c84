"""LZO in the lzop container, each block decoded by lzallright (extra ``lzo``).

Source: lib/decompress_unlzo.c and the lzop header it reads (big endian). The decoder does not
notice corruption; the Adler-32 of each block does. The kernel verifies none of the checksums, and
expects exactly one in front of each block, whatever the header says.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from warmboot.core.payload.codecs.base import (
    WORK,
    Piece,
    Source,
    check_blocks,
    damaged,
    finish,
    not_installed,
    refused,
    truncated,
)

_MAGIC = b"\x89LZO\x00\r\n\x1a\n"
_BLOCK = 256 * 1024  # the kernel takes no larger ones
_ADLER_PLAIN, _ADLER_PACKED, _CRC_PLAIN, _CRC_PACKED = 0x1, 0x2, 0x100, 0x200
_FILTERED = 0x800


def kernel_memory(_source: Source) -> int:
    """A block, packed and unpacked; a packed one may be a little larger."""
    return 2 * _BLOCK + WORK


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one lzop file, a block at a time."""
    try:
        from lzallright import LZOCompressor, LZOError
    except ImportError as error:
        raise not_installed("lzo", "lzallright", "pip install 'warmboot[lzo]'") from error
    flags = _read_header(source)
    produced = blocks = 0
    while count := _u32(source):
        blocks += 1
        check_blocks("lzo", blocks)
        packed = _u32(source)
        plain_sum, packed_sum = _sums(source, flags, packed < count)
        if count > _BLOCK or not 0 < packed <= count:
            raise damaged("lzo", f"invalid block size: {packed} bytes for {count}")
        block = source.read(packed)
        if len(block) < packed:
            raise truncated("lzo")
        if packed_sum is not None and zlib.adler32(block) != packed_sum:
            _mismatch(source)
        piece = block
        if packed < count:
            try:
                piece = LZOCompressor.decompress(block, output_size_hint=count)
            except LZOError as error:
                raise damaged("lzo", f"a block does not decode: {error}") from error
        if len(piece) != count:
            raise damaged("lzo", "the size of a block does not match")
        if plain_sum is not None and zlib.adler32(piece) != plain_sum:
            _mismatch(source)
        produced += count
        yield piece
    finish("lzo", source, b"", produced)


def _read_header(source: Source) -> int:
    """Read the file header and return its flags; raise ImageError where it is no lzop header."""
    if source.read(9) != _MAGIC:
        raise damaged("lzo", "it does not start with the lzop magic")
    fixed = _exactly(source, 2)
    version = struct.unpack(">H", fixed)[0]
    if version < 0x0940:
        raise damaged("lzo", f"lzop version {version:#06x} is too old")
    method = _exactly(source, 6)[4]  # library version, version needed, method, level
    flags = _u32(source)
    if flags & _FILTERED or method not in (1, 2, 3):
        raise damaged("lzo", "it uses a filter or a method that the kernel does not know")
    sums = bool(flags & _ADLER_PLAIN) + bool(flags & _CRC_PLAIN)
    if source.by_kernel and (sums != 1 or flags & (_ADLER_PACKED | _CRC_PACKED)):
        raise refused(
            "lzo", "each block must have one checksum; write it with lzop and no -C or -F"
        )
    _exactly(source, 12)  # mode, mtime
    _exactly(source, _exactly(source, 1)[0])  # name
    _exactly(source, 4)  # checksum of this header
    return flags


def _mismatch(source: Source) -> None:
    """Raise ImageError; in an initrd it is a doubt, since the kernel does not look."""
    if source.exact:
        raise damaged("lzo", "the checksum of a block does not match")
    doubt = "a block does not have the checksum that is stated, which the kernel does not check"
    if doubt not in source.doubts:
        source.doubts.append(doubt)


def _sums(source: Source, flags: int, compressed: bool) -> tuple[int | None, int | None]:
    """Read a block's checksums; return the Adler-32 of its content and of its packed bytes."""
    plain = _u32(source) if flags & _ADLER_PLAIN else None
    if flags & _CRC_PLAIN:
        _u32(source)
    packed = _u32(source) if compressed and flags & _ADLER_PACKED else None
    if compressed and flags & _CRC_PACKED:
        _u32(source)
    return plain, packed


def _u32(source: Source) -> int:
    return int(struct.unpack(">I", _exactly(source, 4))[0])


def _exactly(source: Source, count: int) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise truncated("lzo")
    return data
