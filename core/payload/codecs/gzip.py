"""gzip (RFC 1952), decoded by zlib; CRC-32 and size are checked there."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from warmboot.core.payload.codecs.base import (
    CHUNK,
    PIECE,
    Piece,
    Source,
    damaged,
    finish,
    truncated,
)


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one gzip member."""
    decoder = zlib.decompressobj(31)
    produced = 0
    while not decoder.eof:
        chunk = decoder.unconsumed_tail or source.read(CHUNK)
        try:
            piece = decoder.decompress(chunk, PIECE)
        except zlib.error as error:
            raise damaged("gzip", str(error)) from error
        if not chunk and not piece:
            raise truncated("gzip")
        produced += len(piece)
        yield piece
    finish("gzip", source, decoder.unused_data, produced)
