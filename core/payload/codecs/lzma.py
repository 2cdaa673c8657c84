"""lzma (.lzma, LZMA_alone), decoded by liblzma through the standard library.

The kernel keeps what it decodes until its dictionary is full: where a stream is damaged, it has
nothing of it. Source: lib/decompress_unlzma.c.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.payload.codecs.base import (
    LZMA_MEMORY,
    WORK,
    Lost,
    NotDecodable,
    Piece,
    Source,
    damaged,
    drain,
)

_LITERALS = 0x300 * 2  # bytes of probabilities for each combination of lc and lp bits


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one .lzma stream; the format has no checksum."""
    decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=LZMA_MEMORY)
    try:
        yield from drain("lzma", source, decoder)
    except lzma.LZMAError as error:
        if "emory usage limit" in str(error):
            raise NotDecodable("The lzma stream has a dictionary of more than 128 MiB") from error
        raise Lost(damaged("lzma", str(error)).message) from error
    except ImageError as error:
        raise Lost(error.message, hint=error.hint) from error


def kernel_memory(source: Source) -> int:
    """The dictionary, but no more than the whole content, and the probabilities of literals."""
    head = source.peek(0, 13)
    if len(head) < 13:
        raise damaged("lzma", "its header is cut off")
    literal_bits = head[0] % 9 + head[0] // 9 % 5  # lc and lp of the properties byte
    dictionary = int.from_bytes(head[1:5], "little")
    content = int.from_bytes(head[5:], "little")
    return min(dictionary, content) + (_LITERALS << literal_bits) + WORK
