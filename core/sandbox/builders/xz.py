"""xz streams with the filters for arm64 and RISC-V machine code, which the lzma module lacks.

Sources: the .xz file format 1.2; lib/xz/xz_dec_bcj.c, whose inverse this is.
"""

from __future__ import annotations

import lzma
import struct
import zlib

from warmboot.core.errors import WarmbootError
from warmboot.core.expression import expression

_HEADER_MAGIC, _FOOTER_MAGIC = b"\xfd7zXZ\0", b"YZ"
_FLAGS = b"\x00\x01"  # check: CRC-32
_LZMA2 = 0x21
_DICTIONARY = 22  # property byte: 8 MiB
_ARM64, _RISCV = 0x0A, 0x0B

# Where RISC-V code holds a JAL with ra or t0, or an AUIPC: all that its filter ever changes.
_RISCV_BRANCH = expression(rb"[\xef\x17\x97]")


def compress_filtered(data: bytes, branch_filter: str, level: int = 0) -> bytes:
    """Return `data` as an .xz stream (CRC-32) through the filter for `arm64` or `riscv64`.

    The RISC-V filter is written for content that it leaves as it is; WarmbootError is raised for
    any other, and for an unknown filter.
    """
    if branch_filter == "arm64":
        filter_id, filtered = _ARM64, _filter_arm64(data)
    elif branch_filter == "riscv64":
        filter_id, filtered = _RISCV, data
        if any(match.start() % 2 == 0 for match in _RISCV_BRANCH.finditer(data)):
            raise WarmbootError("The content has RISC-V branches, which cannot be filtered here")
    else:
        raise WarmbootError(f"No xz filter for {branch_filter}")
    chain = [{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": 8 << 20}]
    packed = lzma.compress(filtered, lzma.FORMAT_RAW, filters=chain)
    return _container(data, packed, filter_id)


def _container(data: bytes, packed: bytes, filter_id: int) -> bytes:
    """Return stream header, one block of `packed`, index and footer. `data` is the content."""
    header = _HEADER_MAGIC + _FLAGS + _crc(_FLAGS)
    # Two filters, no stored sizes: the branch filter without properties, LZMA2 with its one.
    block = _with_crc(bytes([2, 1, filter_id, 0, _LZMA2, 1, _DICTIONARY]))
    unpadded = len(block) + len(packed) + 4
    body = block + packed + bytes(-len(packed) % 4) + _crc(data)
    index = b"\0" + _number(1) + _number(unpadded) + _number(len(data))
    index += bytes(-len(index) % 4)
    index += _crc(index)
    tail = struct.pack("<I", len(index) // 4 - 1) + _FLAGS
    return header + body + index + _crc(tail) + tail + _FOOTER_MAGIC


def _with_crc(block_header: bytes) -> bytes:
    """Return a block header padded to four bytes, its checksum behind it."""
    padded = block_header + bytes(-len(block_header) % 4)
    if padded[0] != len(padded) // 4:
        raise WarmbootError("An xz block header must state its own size")
    return padded + _crc(padded)


def _crc(data: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(data))


def _number(value: int) -> bytes:
    """Return an integer as xz stores them: seven bits a byte, the lowest first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _filter_arm64(data: bytes) -> bytes:
    """Return code whose BL and ADRP instructions name absolute targets."""
    out = bytearray(data)
    for place, (word,) in enumerate(struct.iter_unpack("<I", data[: len(data) & ~3])):
        if word >> 26 == 0x25:
            struct.pack_into("<I", out, 4 * place, 0x94000000 | (word + place & 0x03FFFFFF))
        elif word & 0x9F000000 == 0x90000000:
            pages = word >> 29 & 3 | word >> 3 & 0x001FFFFC
            if pages + 0x00020000 & 0x001C0000:
                continue  # farther than 512 MiB: left alone
            target = pages + (4 * place >> 12)
            sign = 0x00E00000 if target & 0x00020000 else 0
            changed = word & 0x9000001F | (target & 3) << 29 | (target & 0x0003FFFC) << 3 | sign
            struct.pack_into("<I", out, 4 * place, changed)
    return bytes(out)
