"""Blocks that are compressed each by itself, as file systems keep them: small, of a known bound."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable

from warmboot.core.errors import ImageError
from warmboot.core.payload.codecs.base import LZMA_MEMORY, NotDecodable, not_installed

#: Takes a block and the most that it may hold; raises ImageError where it is damaged or holds more.
Unpack = Callable[[bytes, int], bytes]


def unpacker(method: str) -> Unpack:
    """Return what unpacks blocks of a method; raises ImageError for one that is not known here."""
    found = _UNPACKERS.get(method)
    if found is None:
        raise NotDecodable(f"its blocks are compressed by {method}, which is not read here")
    return found


def _zlib(block: bytes, limit: int) -> bytes:
    try:
        return _whole(zlib.decompressobj().decompress(block, limit + 1), limit)
    except zlib.error as error:
        raise _damaged("zlib") from error


def _xz(block: bytes, limit: int) -> bytes:
    try:
        context = lzma.LZMADecompressor(lzma.FORMAT_XZ, LZMA_MEMORY)
        return _whole(context.decompress(block, limit + 1), limit)
    except lzma.LZMAError as error:
        raise _damaged("xz") from error


def _zstd(block: bytes, limit: int) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise not_installed("zstd", "zstandard", "apt-get install python3-zstandard") from error
    try:
        reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(block)
        return _whole(reader.read(limit + 1), limit)
    except zstandard.ZstdError as error:
        raise _damaged("zstd") from error


def _lz4(block: bytes, limit: int) -> bytes:
    try:
        import lz4.block
    except ImportError as error:
        raise not_installed("lz4", "lz4", "apt-get install python3-lz4") from error
    try:
        return bytes(lz4.block.decompress(block, uncompressed_size=limit))
    except lz4.block.LZ4BlockError as error:
        raise _damaged("lz4") from error


def _lzo(block: bytes, limit: int) -> bytes:
    try:
        from lzallright import LZOCompressor, LZOError
    except ImportError as error:
        raise not_installed("lzo", "lzallright", "pip install 'warmboot[lzo]'") from error
    try:
        return _whole(LZOCompressor.decompress(block, limit), limit)
    except LZOError as error:
        raise _damaged("lzo") from error


_WINDOW = 8 << 20
_UNPACKERS: dict[str, Unpack] = {
    "zlib": _zlib, "xz": _xz, "zstd": _zstd, "lz4": _lz4, "lzo": _lzo,
}  # fmt: skip


def _whole(content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise ImageError("it has a block that holds more than it may")
    return content


def _damaged(method: str) -> ImageError:
    return ImageError(f"it has a block that {method} cannot unpack")
