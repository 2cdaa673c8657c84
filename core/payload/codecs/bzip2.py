"""bzip2, decoded by the standard library; each block's CRC is verified there."""

from __future__ import annotations

import bz2
from collections.abc import Iterator

from warmboot.core.payload.codecs.base import Piece, Source, damaged, drain


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one bzip2 stream."""
    try:
        yield from drain("bzip2", source, bz2.BZ2Decompressor())
    except (OSError, ValueError) as error:
        raise damaged("bzip2", str(error)) from error
