"""gzip (RFC 1952), decoded by ISA-L where it is installed (extra ``fast``), else by zlib.

Both check CRC-32 and size themselves, and have the same interface.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from warmboot.core.payload.codecs.base import (
    CHUNK,
    PIECE,
    Piece,
    Source,
    damaged,
    finish,
    truncated,
)


def _decompressor() -> tuple[Any, Any]:
    """Return a fresh decompressor for gzip and the errors it raises."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.decompressobj(31), zlib.error
    return isal_zlib.decompressobj(31), (isal_zlib.error, zlib.error)


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one gzip member."""
    decoder, errors = _decompressor()
    produced = 0
    while not decoder.eof:
        chunk = decoder.unconsumed_tail or source.read(CHUNK)
        try:
            piece = decoder.decompress(chunk, PIECE)
        except errors as error:
            raise damaged("gzip", str(error)) from error
        if not chunk and not piece:
            raise truncated("gzip")
        produced += len(piece)
        yield piece
    finish("gzip", source, decoder.unused_data, produced)
