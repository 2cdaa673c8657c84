"""EFI programs: PE32+ files with a right header, section table, checksum and directories.

Source: Microsoft PE format specification.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

MACHINES = {
    "x86-64": 0x8664,
    "arm64": 0xAA64,
    "riscv64": 0x5064,
    "loongarch64": 0x6264,
}
READ, WRITE, EXECUTE, CODE, DATA = 0x40000000, 0x80000000, 0x20000000, 0x20, 0x40
_EFI_APPLICATION = 10
_OPTIONAL_HEADER = 112 + 16 * 8
_NX_COMPAT = 0x0100


@dataclass(frozen=True, slots=True)
class PeSection:
    """A section to be written; `characteristics` as in the PE specification."""

    name: str
    content: bytes
    characteristics: int = READ | DATA


def align(value: int, boundary: int) -> int:
    """Return `value` rounded up to a multiple of `boundary`."""
    return -(-value // boundary) * boundary


def build_pe(
    arch: str,
    sections: Sequence[PeSection],
    *,
    dos: bytes = b"MZ",
    file_alignment: int = 0x200,
    section_alignment: int = 0x1000,
    dll_characteristics: int = _NX_COMPAT,
    certificates: bytes = b"",
    overlay: bytes = b"",
) -> bytes:
    """Return an EFI application; `dos` fills the first 0x3c bytes, `overlay` follows the sections.

    `certificates` is the content of the certificate table, empty for an unsigned file.
    """
    head_size = align(0x40 + 24 + _OPTIONAL_HEADER + 40 * len(sections), file_alignment)
    table, body = b"", b""
    address = align(head_size, section_alignment)
    for section in sections:
        raw = align(len(section.content), file_alignment)
        table += struct.pack(
            "<8sIIIIIIHHI",
            section.name.encode(),
            len(section.content),
            address,
            raw,
            head_size + len(body),
            0, 0, 0, 0,
            section.characteristics,
        )  # fmt: skip
        body += section.content.ljust(raw, b"\0")
        address = align(address + max(len(section.content), 1), section_alignment)
    body += overlay
    certificate_offset = align(head_size + len(body), 8)
    fields = (address, file_alignment, section_alignment, dll_characteristics)
    where = (certificate_offset, len(certificates)) if certificates else (0, 0)
    head = dos[:0x3C].ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    head += headers(arch, len(sections), head_size, fields, where) + table
    image = head.ljust(head_size, b"\0") + body
    if certificates:
        image = image.ljust(certificate_offset, b"\0") + certificates
    return with_checksum(image)


def headers(
    arch: str,
    sections: int,
    head_size: int,
    fields: tuple[int, int, int, int],
    certificates: tuple[int, int],
) -> bytes:
    """Return PE signature, COFF header and optional header of an EFI application.

    `fields` are SizeOfImage, the two alignments and DllCharacteristics; `certificates` is offset
    and size of the certificate table.
    """
    size_of_image, file_alignment, section_alignment, dll_characteristics = fields
    coff = struct.pack(
        "<4sHHIIIHH", b"PE\0\0", MACHINES[arch], sections, 0, 0, 0, _OPTIONAL_HEADER, 0x0206
    )
    entry = align(head_size, section_alignment)
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII",
        0x20B, 2, 40, 0, 0, 0, entry, entry, 0, section_alignment, file_alignment,
        0, 0, 3, 0, 1, 0, 0, size_of_image, head_size, 0, _EFI_APPLICATION, dll_characteristics,
        0, 0, 0, 0, 0, 16,
    )  # fmt: skip
    directories = bytearray(16 * 8)
    struct.pack_into("<II", directories, 4 * 8, *certificates)
    return coff + optional + directories


def with_checksum(image: bytes) -> bytes:
    """Return the image, whose PE header stands at 0x40, with its checksum filled in."""
    position = 0x40 + 24 + 64
    return image[:position] + struct.pack("<I", checksum(image, position)) + image[position + 4 :]


def checksum(image: bytes, position: int) -> int:
    """Return the PE checksum of an image whose checksum field stands at `position`."""
    blank = image[:position] + bytes(4) + image[position + 4 :]
    blank = blank.ljust(align(len(blank), 2), b"\0")
    total = sum(memoryview(blank).cast("H"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(image)


def build_certificate(content: bytes) -> bytes:
    """Return a WIN_CERTIFICATE of PKCS#7 type around `content`, padded to eight bytes."""
    size = 8 + len(content)
    entry = struct.pack("<IHH", size, 0x0200, 0x0002) + content
    return entry.ljust(align(size, 8), b"\0")
