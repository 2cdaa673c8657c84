"""LZ4 in the legacy format that kernel builds use, each block decoded by the lz4 package.

Source: lz4_Frame_format.md, "Legacy frame"; lib/decompress_unlz4.c. The format has no checksum
and no end mark: only sizes can be checked.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.payload.codecs.base import Piece, Source, check_trailing, damaged, truncated

_MAGIC = 0x184C2102
_BLOCK = 8 * 1024 * 1024
_LARGEST = _BLOCK + _BLOCK // 255 + 16  # what an incompressible block may take


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one or more legacy frames behind each other, a block at a time."""
    import lz4.block

    if source.read(4) != _MAGIC.to_bytes(4, "little"):
        raise damaged("lz4", "it does not start with the legacy magic")
    produced = 0
    while source.left:
        head = source.read(4)
        count = int.from_bytes(head, "little")
        if count == _MAGIC and len(head) == 4:
            continue
        if not source.exact and not 0 < count <= _LARGEST:
            source.end = source.position - len(head)
            return
        if source.left == 0:
            check_trailing("lz4", head, produced)
            return
        if not 0 < count <= _LARGEST:
            raise damaged("lz4", f"a block of {count} bytes cannot be")
        block = source.read(count)
        if len(block) < count:
            raise truncated("lz4")
        try:
            piece = lz4.block.decompress(block, uncompressed_size=_BLOCK)
        except (lz4.block.LZ4BlockError, ValueError, MemoryError) as error:
            raise damaged("lz4", f"a block does not decode: {error}") from error
        produced += len(piece)
        yield piece
    source.end = source.position
