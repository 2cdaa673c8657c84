"""Compressed streams in the forms that kernel builds write them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib

from warmboot.core.errors import WarmbootError

_LZ4_MAGIC = b"\x02\x21\x4c\x18"
_LZ4_BLOCK = 8 << 20
_LZO_MAGIC = b"\x89LZO\x00\r\n\x1a\n"
_LZO_BLOCK = 256 << 10
_LZO_FLAGS = 0x03000001  # Unix, Adler-32 of each block's content


def compress(data: bytes, method: str, level: int | None = None) -> bytes:
    """Return `data` as one stream of `method` (gzip, zstd, lz4, lzma, lzo, xz or bzip2)."""
    if method == "gzip":
        return gzip.compress(data, 1 if level is None else level, mtime=0)
    if method == "zstd":
        return _zstd(data, 3 if level is None else level)
    if method == "lz4":
        return _lz4(data)
    if method == "lzma":
        return lzma.compress(data, lzma.FORMAT_ALONE, preset=level or 0)
    if method == "xz":
        return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, preset=level or 0)
    if method == "bzip2":
        return bz2.compress(data, level or 1)
    if method == "lzo":
        return _lzo(data)
    raise WarmbootError(f"No way to compress with {method}")


def _zstd(data: bytes, level: int) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=level, write_content_size=False).compress(data)


def _lz4(data: bytes) -> bytes:
    """The legacy format: a magic, then blocks of up to 8 MiB with their packed size in front."""
    import lz4.block

    out = [_LZ4_MAGIC]
    for start in range(0, len(data), _LZ4_BLOCK):
        block = lz4.block.compress(data[start : start + _LZ4_BLOCK], store_size=False)
        out += [struct.pack("<I", len(block)), block]
    return b"".join(out)


def _lzo(data: bytes) -> bytes:
    """An lzop file: header, blocks of up to 256 KiB with an Adler-32 each, a zero at the end."""
    try:
        from lzallright import LZOCompressor
    except ImportError as error:
        raise WarmbootError(
            "lzo needs the package lzallright", hint="pip install 'warmboot[lzo]'"
        ) from error
    header = struct.pack(">HHHBBIIII", 0x1030, 0x20A0, 0x0940, 3, 9, _LZO_FLAGS, 0o100644, 0, 0)
    header += b"\0"
    out = [_LZO_MAGIC, header, struct.pack(">I", zlib.adler32(header))]
    packer = LZOCompressor()
    for start in range(0, len(data), _LZO_BLOCK):
        block = data[start : start + _LZO_BLOCK]
        packed = packer.compress(block)
        if len(packed) >= len(block):
            packed = block
        out += [struct.pack(">III", len(block), len(packed), zlib.adler32(block)), packed]
    out.append(struct.pack(">I", 0))
    return b"".join(out)
