"""Compression methods told from a stream's first bytes."""

from __future__ import annotations

from warmboot.core.images.model import Method

_MAGICS = (
    (b"\x1f\x8b\x08", Method.GZIP),
    (b"\x28\xb5\x2f\xfd", Method.ZSTD),
    (b"\x02\x21\x4c\x18", Method.LZ4),
    (b"\xfd7zXZ\x00", Method.XZ),
    (b"BZh", Method.BZIP2),
    (b"\x89LZO\x00\r\n\x1a\n", Method.LZO),
    (b"\x5d\x00\x00", Method.LZMA),
)
_STARTS = tuple(magic for magic, _ in _MAGICS)


def detect_method(head: bytes) -> Method | None:
    """Return the method whose magic `head` (9 bytes are enough) starts with, else None."""
    if not head.startswith(_STARTS):  # most files are not compressed, and many are asked
        return None
    for magic, method in _MAGICS:
        if head.startswith(magic):
            return method
    return None
