"""xz (.xz container), decoded by liblzma through the standard library.

The kernel knows less than liblzma: no check but CRC-32, LZMA2 and one filter for machine code in
front of it. Sources: the .xz file format 1.2, sections 2.1.1 and 3.1; lib/xz/xz_dec_stream.c,
lib/xz/xz_dec_bcj.c, lib/xz/Kconfig.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator

from warmboot.core.payload.codecs.base import (
    LZMA_MEMORY,
    WORK,
    NotDecodable,
    Piece,
    Source,
    damaged,
    drain,
    refused,
)
from warmboot.core.values import NamedTuple

_BLOCK_HEADER = 12  # behind the stream header
_FOOTER = 12
_CHECKS = {0: "none", 1: "CRC32", 4: "CRC64", 10: "SHA-256"}
_LZMA2 = 0x21
_DICTIONARIES = 39  # the largest that the kernel takes is 3 GiB


class Filter(NamedTuple):
    """A filter for machine code: the kernel's build option and the Linux that came with it
    (lib/xz/Kconfig), and the first liblzma that has it."""

    name: str
    option: str
    since: tuple[int, int] = (2, 6)
    liblzma: str = "5.0"


FILTERS = {
    0x04: Filter("x86", "XZ_DEC_X86"),
    0x05: Filter("PowerPC", "XZ_DEC_POWERPC"),
    0x07: Filter("ARM", "XZ_DEC_ARM"),
    0x08: Filter("ARM Thumb", "XZ_DEC_ARMTHUMB"),
    0x09: Filter("SPARC", "XZ_DEC_SPARC"),
    0x0A: Filter("ARM64", "XZ_DEC_ARM64", (6, 12), "5.4"),
    0x0B: Filter("RISC-V", "XZ_DEC_RISCV", (6, 12), "5.6"),
}


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one .xz stream; its own check (CRC-32 in kernels) is verified
    where liblzma knows it."""
    if source.by_kernel:
        _check_header(source)
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LZMA_MEMORY)
    try:
        yield from drain("xz", source, decoder)
        if decoder.check == lzma.CHECK_NONE:
            source.unverified = "the xz stream carries no check"
        elif not lzma.is_check_supported(decoder.check):
            source.unverified = f"the xz stream's check (number {decoder.check}) is not known here"
    except lzma.LZMAError as error:
        chain = _chain(source)
        needed = FILTERS.get(chain[0][0]) if chain else None
        if needed is not None and "nsupported" in str(error):
            raise NotDecodable(
                f"The xz payload uses the {needed.name} filter, which liblzma here does not have",
                hint=f"liblzma {needed.liblzma} or later has it. Update the package liblzma5.",
            ) from error
        if "emory usage limit" in str(error):
            raise NotDecodable("The xz stream has a dictionary of more than 128 MiB") from error
        raise damaged("xz", str(error)) from error


def kernel_memory(source: Source) -> int:
    """The dictionary of the one block; of several it may be the largest that is unpacked here."""
    chain = _chain(source)
    if not chain:
        return WORK
    _, properties = chain[-1]
    bits = properties[0] if len(properties) == 1 else 0
    dictionary = (2 | bits & 1) << (bits // 2 + 11)
    return (dictionary if _blocks(source) == 1 else LZMA_MEMORY) + WORK


def _blocks(source: Source) -> int:
    """Return how many blocks the index counts; 0 where it is unreadable.

    What it counts is true once the stream was unpacked: liblzma compares.
    """
    footer = source.peek(source.size - _FOOTER, _FOOTER)
    if len(footer) < _FOOTER or footer[-2:] != b"YZ":
        return 0
    size = (int.from_bytes(footer[4:8], "little") + 1) * 4
    index = source.peek(max(0, source.size - _FOOTER - size), 10)
    return _number(index, 1)[0] if index[:1] == b"\0" else 0


def _check_header(source: Source) -> None:
    """Raise ImageError for what the kernel refuses in the headers of stream and first block."""
    flags = source.peek(6, 2)
    if len(flags) == 2 and flags[0] == 0 and flags[1] > 1:
        check = _CHECKS.get(flags[1], f"of kind {flags[1]}")
        raise refused("xz", f"its check is {check}, the kernel knows CRC32 only (xz --check=crc32)")
    chain = _chain(source)
    if not chain:
        return
    *before, (last, properties) = chain
    if last != _LZMA2 or len(before) > 1 or (before and before[0][0] not in FILTERS):
        raise refused("xz", "the kernel knows LZMA2 and one filter for machine code only")
    if before and before[0][1]:
        raise refused("xz", "its filter starts at an offset, which the kernel does not support")
    if len(properties) == 1 and properties[0] > _DICTIONARIES:
        raise refused("xz", "its dictionary is larger than 3 GiB")
    if before:
        source.option = FILTERS[before[0][0]].option


def _chain(source: Source) -> list[tuple[int, bytes]]:
    """Return the filters of the first block, with their properties; none where it is unreadable."""
    size = source.peek(_BLOCK_HEADER, 1)
    if not size or not size[0]:
        return []  # no block at all
    header = source.peek(_BLOCK_HEADER, (size[0] + 1) * 4)
    position = 2
    flags = header[1] if len(header) > 1 else 0
    for stored in (flags & 0x40, flags & 0x80):
        if stored:
            position = _number(header, position)[1]
    chain = []
    for _ in range((flags & 3) + 1):
        kind, position = _number(header, position)
        count, position = _number(header, position)
        chain.append((kind, header[position : position + count]))
        position += count
    return chain


def _number(data: bytes, position: int) -> tuple[int, int]:
    """Read a number of 7 bits a byte, at most 9 bytes; return it and where it ends."""
    value = 0
    for shift, byte in enumerate(data[position : position + 9]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, position + shift + 1
    return value, position + 9
