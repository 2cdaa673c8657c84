"""lzma (.lzma, LZMA_alone), decoded by liblzma through the standard library."""

from __future__ import annotations

import lzma
from collections.abc import Iterator

from warmboot.core.payload.codecs.base import LZMA_MEMORY, Piece, Source, damaged, drain


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one .lzma stream; the format has no checksum."""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=LZMA_MEMORY)
    try:
        yield from drain("lzma", source, decoder)
    except lzma.LZMAError as error:
        raise damaged("lzma", str(error)) from error
