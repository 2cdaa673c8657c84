"""gzip (RFC 1952), decoded by ISA-L where it is installed (extra ``fast``), else by zlib.

Both check CRC-32 and size themselves, and have the same interface. The kernel does neither, and
steps over no field of the header but the name; source: lib/decompress_inflate.c.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from warmboot.core.hints import Any
from warmboot.core.payload.codecs.base import (
    PIECE,
    WORK,
    Piece,
    Source,
    damaged,
    finish,
    refused,
    truncated,
)

_HEADER, _TRAILER = 10, 8
_NAME, _NOT_STEPPED_OVER = 0x08, 0x02 | 0x04 | 0x10  # FNAME; FHCRC, FEXTRA, FCOMMENT
_NAME_LIMIT = 1 << 16
_MEMBER, _RAW = 31, -15  # window bits: with the container, and without


def _decompressor(window_bits: int) -> tuple[Any, Any]:
    """Return a fresh decompressor and the errors it raises."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.decompressobj(window_bits), zlib.error
    return isal_zlib.decompressobj(window_bits), (isal_zlib.error, zlib.error)


def kernel_memory(_source: Source) -> int:
    """32 KiB of window, and as much of output."""
    return WORK


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one gzip member."""
    if not source.exact:
        yield from _as_the_kernel(source)
        return
    if source.by_kernel:
        _check_flags(source.peek(0, _HEADER))
    decoder, errors = _decompressor(_MEMBER)
    produced = 0
    for piece in _inflate(source, decoder, errors):
        produced += len(piece)
        yield piece
    finish("gzip", source, decoder.unused_data, produced)


def _inflate(source: Source, decoder: Any, errors: Any) -> Iterator[bytes]:
    while not decoder.eof:
        chunk = decoder.unconsumed_tail or source.next()
        try:
            piece = decoder.decompress(chunk, PIECE)
        except errors as error:
            raise damaged("gzip", str(error)) from error
        if not chunk and not piece and not decoder.eof:
            raise truncated("gzip")
        yield piece


def _as_the_kernel(source: Source) -> Iterator[Piece]:
    """Yield the content of a part of an initrd; a wrong checksum is a doubt, no damage."""
    _skip_header(source)
    decoder, errors = _decompressor(_RAW)
    checksum = produced = 0
    for piece in _inflate(source, decoder, errors):
        checksum = zlib.crc32(piece, checksum)
        produced += len(piece)
        yield piece
    unused = decoder.unused_data
    source.position -= len(unused)
    trailer = source.read(_TRAILER)
    if len(trailer) < _TRAILER:
        raise truncated("gzip")
    stated = int.from_bytes(trailer[:4], "little"), int.from_bytes(trailer[4:], "little")
    if stated != (checksum, produced & 0xFFFFFFFF):
        source.doubts.append(
            "its content does not have the checksum that is stated, which the kernel does not check"
        )
    source.end = source.position


def _skip_header(source: Source) -> None:
    header = source.read(_HEADER)
    if len(header) < _HEADER:
        raise truncated("gzip")
    if header[:3] != b"\x1f\x8b\x08":
        raise damaged("gzip", "its header is of no known kind")
    _check_flags(header)
    if header[3] & _NAME:
        rest = source.peek(source.position, _NAME_LIMIT)
        end = rest.find(b"\0")
        if end < 0:
            raise damaged("gzip", "the name in its header does not end")
        source.position += end + 1


def _check_flags(header: bytes) -> None:
    if header[3:4] and header[3] & _NOT_STEPPED_OVER:
        raise refused(
            "gzip", "its header has a comment, an extra field or a checksum of its own; write it "
            "with gzip -n"
        )  # fmt: skip
