"""xz (.xz container), decoded by liblzma through the standard library.

Sources: the .xz file format 1.2, section 3.1 (block header); lib/decompress_unxz.c.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.payload.codecs.base import LZMA_MEMORY, Piece, Source, damaged, drain

_FILTERS = {0x0A: ("ARM64", "5.4"), 0x0B: ("RISC-V", "5.6")}
_BLOCK_HEADER = 12  # behind the stream header


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one .xz stream; its own check (CRC-32 in kernels) is verified
    where liblzma knows it."""
    needed = _branch_filter(source)
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LZMA_MEMORY)
    try:
        yield from drain("xz", source, decoder)
        if decoder.check == lzma.CHECK_NONE:
            source.unverified = "the xz stream carries no check"
        elif not lzma.is_check_supported(decoder.check):
            source.unverified = f"the xz stream's check (number {decoder.check}) is not known here"
    except lzma.LZMAError as error:
        if needed is not None and "nsupported" in str(error):
            name, version = needed
            raise ImageError(
                f"The xz payload uses the {name} filter, which liblzma here does not have",
                hint=f"liblzma {version} or later has it. Update the package liblzma5.",
            ) from error
        raise damaged("xz", str(error)) from error


def _branch_filter(source: Source) -> tuple[str, str] | None:
    """Return name and needed liblzma version of the first block's filter, None for older ones."""
    head = source.peek(_BLOCK_HEADER, 8)
    if len(head) < 8 or head[1] & 0xC0:  # sizes are stored: builds of the kernel do not
        return None
    return _FILTERS.get(head[2])
