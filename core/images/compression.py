"""Compression methods: one row for each. Their decoders are in warmboot.core.payload.codecs, in
the module of the method's name."""

from __future__ import annotations

from warmboot.core.images.model import Method
from warmboot.core.values import NamedTuple


class Compression(NamedTuple):
    """What a stream of this method starts with, the build option of the kernel's decompressor and
    the Linux that came with it (usr/Kconfig), and what zboot headers call it (today's kernels and
    older ones)."""

    method: Method
    magic: bytes
    option: str
    since: tuple[int, int]
    zboot_names: tuple[str, ...] = ()


COMPRESSIONS = (
    Compression(Method.GZIP, b"\x1f\x8b\x08", "RD_GZIP", (2, 6), ("gzip",)),
    Compression(Method.ZSTD, b"\x28\xb5\x2f\xfd", "RD_ZSTD", (5, 9), ("zstd", "zstd22")),
    Compression(Method.LZ4, b"\x02\x21\x4c\x18", "RD_LZ4", (3, 11), ("lz4",)),
    Compression(Method.XZ, b"\xfd7zXZ\x00", "RD_XZ", (2, 6), ("xz", "xzkern")),
    Compression(Method.BZIP2, b"BZh", "RD_BZIP2", (2, 6)),
    Compression(Method.LZO, b"\x89LZO\x00\r\n\x1a\n", "RD_LZO", (2, 6), ("lzo",)),
    Compression(Method.LZMA, b"\x5d\x00\x00", "RD_LZMA", (2, 6), ("lzma",)),
)
_STARTS = tuple(row.magic for row in COMPRESSIONS)
_OPTIONS = {row.method: row.option for row in COMPRESSIONS}
_ZBOOT_NAMES = {name: row.method for row in COMPRESSIONS for name in row.zboot_names}


def detect_method(head: bytes) -> Method | None:
    """Return the method whose magic `head` (9 bytes are enough) starts with, else None."""
    if not head.startswith(_STARTS):  # most files are not compressed, and many are asked
        return None
    return next((row.method for row in COMPRESSIONS if head.startswith(row.magic)), None)


def kernel_method(head: bytes) -> Method | None:
    """Return the method that the kernel tries for a part of an initrd: it looks at two bytes.

    Source: lib/decompress.c. The second magic of gzip leads to an error there.
    """
    if head[:2] == b"\x1f\x9e":
        return Method.GZIP
    return next((row.method for row in COMPRESSIONS if head[:2] == row.magic[:2]), None)


def options_since() -> dict[str, tuple[int, int]]:
    """Return which Linux each decompressor's build option came with."""
    return {row.option: row.since for row in COMPRESSIONS}


def decompressor_option(method: Method) -> str:
    """Return the build option without which a kernel cannot unpack `method`."""
    return _OPTIONS[method]


def zboot_method(name: str) -> Method | None:
    """Return the method that a zboot header calls `name`, None for an unknown one."""
    return _ZBOOT_NAMES.get(name)
