"""Compressed streams in the forms that kernel builds write them (scripts/Makefile.lib)."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib

from warmboot.core.errors import WarmbootError
from warmboot.core.sandbox.builders.xz import compress_filtered

METHODS = ("gzip", "zstd", "lz4", "lzma", "lzo", "xz", "bzip2")

_LZ4_MAGIC = b"\x02\x21\x4c\x18"
_LZ4_BLOCK = 8 << 20
_LZO_MAGIC = b"\x89LZO\x00\r\n\x1a\n"
_LZO_BLOCK = 256 << 10
_LZO_FLAGS = 0x03000001  # Unix, Adler-32 of each block's content
_LZO_PACKED_SUMS = 0x02  # Adler-32 of each packed block as well


def compress(
    data: bytes,
    method: str,
    level: int | None = None,
    *,
    window_log: int | None = None,
    branch_filter: str | None = None,
    packed_sums: bool = False,
) -> bytes:
    """Return `data` as one stream of `method` (gzip, zstd, lz4, lzma, lzo, xz or bzip2).

    `level` is the tool's own; the default is a fast one. `window_log` is the zstd window as a
    power of two (kernel builds use 27). `branch_filter` is the xz filter for machine code: x86,
    arm64 or riscv64. `packed_sums` adds lzop's second checksum. Raises WarmbootError for an
    unknown method or filter, and where lzallright is not installed.
    """
    match method:
        case "gzip":
            packer = zlib.compressobj(1 if level is None else level, zlib.DEFLATED, 31)
            return packer.compress(data) + packer.flush()
        case "zstd":
            return _zstd(data, 3 if level is None else level, window_log)
        case "lz4":
            return _lz4(data, level)
        case "lzma":
            return lzma.compress(data, lzma.FORMAT_ALONE, preset=level or 0)
        case "xz":
            return _xz(data, level or 0, branch_filter)
        case "bzip2":
            return bz2.compress(data, level or 1)
        case "lzo":
            return _lzo(data, packed_sums)
    raise WarmbootError(f"No way to compress with {method}", hint=f"One of {', '.join(METHODS)}.")


def _zstd(data: bytes, level: int, window_log: int | None) -> bytes:
    """A frame as ``zstd`` writes it from a pipe: with a checksum, without the content's size."""
    import zstandard

    changes = {} if window_log is None else {"window_log": window_log}
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level, write_content_size=False, write_checksum=True, **changes
    )
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return packer.compress(data) + packer.flush()


def _lz4(data: bytes, level: int | None) -> bytes:
    """The legacy format: a magic, then blocks of up to 8 MiB with their packed size in front."""
    import lz4.block

    out = [_LZ4_MAGIC]
    for start in range(0, len(data), _LZ4_BLOCK):
        piece = data[start : start + _LZ4_BLOCK]
        if level is None:
            block = lz4.block.compress(piece, store_size=False)
        else:
            block = lz4.block.compress(
                piece, mode="high_compression", compression=level, store_size=False
            )
        out += [struct.pack("<I", len(block)), block]
    return b"".join(out)


def _xz(data: bytes, level: int, branch_filter: str | None) -> bytes:
    if branch_filter is None:
        return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, preset=level)
    if branch_filter == "x86":
        chain = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": level}]
        return lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=chain)
    return compress_filtered(data, branch_filter, level)


def _lzo(data: bytes, packed_sums: bool) -> bytes:
    """An lzop file: header, blocks of up to 256 KiB with an Adler-32 each, a zero at the end."""
    try:
        from lzallright import LZOCompressor
    except ImportError as error:
        raise WarmbootError(
            "lzo needs the package lzallright", hint="pip install 'warmboot[lzo]'"
        ) from error
    flags = _LZO_FLAGS | (_LZO_PACKED_SUMS if packed_sums else 0)
    # Versions of lzop, liblzo and the lzop needed; method, level, flags, mode, time, no name.
    header = struct.pack(">HHHBBIIIIB", 0x1030, 0x20A0, 0x0940, 3, 9, flags, 0o100644, 0, 0, 0)
    out = [_LZO_MAGIC, header, struct.pack(">I", zlib.adler32(header))]
    packer = LZOCompressor()
    for start in range(0, len(data), _LZO_BLOCK):
        block = data[start : start + _LZO_BLOCK]
        packed = packer.compress(block)
        sums = [zlib.adler32(block)]
        if len(packed) >= len(block):
            packed = block
        elif packed_sums:
            sums.append(zlib.adler32(packed))
        out += [struct.pack(f">II{len(sums)}I", len(block), len(packed), *sums), packed]
    out.append(struct.pack(">I", 0))
    return b"".join(out)
