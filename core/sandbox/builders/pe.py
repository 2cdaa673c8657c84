"""EFI programs: PE32+ (PE32 for 32-bit machines) with sound headers, sections and checksum.

Source: Microsoft PE format specification.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from warmboot.core.errors import WarmbootError
from warmboot.core.values import dataclass

MACHINES = {
    "x86": 0x014C,
    "x86-64": 0x8664,
    "arm": 0x01C2,
    "arm64": 0xAA64,
    "riscv64": 0x5064,
    "loongarch64": 0x6264,
}
READ, WRITE, EXECUTE, CODE, DATA = 0x40000000, 0x80000000, 0x20000000, 0x20, 0x40
TEXT = CODE | READ | EXECUTE
EFI_APPLICATION = 10
NX_COMPAT = 0x0100
LINUX_PE_MAGIC = 0x818223CD
#: Data directories that the kernel's own EFI programs have; linkers write 16.
KERNEL_DIRECTORIES = 6

_PE_OFFSET = 0x40
_CERTIFICATES = 4  # index of the certificate table among the data directories
_NARROW = ("x86", "arm")
_EXECUTABLE, _STRIPPED, _32_BIT = 0x0002, 0x0204, 0x0100


@dataclass(frozen=True)
class PeSection:
    """A section to be written; `characteristics` as in the PE specification.

    `memory_size` (bytes, VirtualSize) is for sections larger in memory than in the file; None
    stands for the length of `content`.
    """

    name: str
    content: bytes
    characteristics: int = READ | DATA
    memory_size: int | None = None


@dataclass(frozen=True)
class Placed:
    """A section header: where a section lies in memory and in the file, in bytes."""

    name: str
    characteristics: int
    address: int
    memory_size: int
    offset: int
    file_size: int


@dataclass(frozen=True, kw_only=True)
class PeOptions:
    """What the optional header says beside the sections; sizes and addresses in bytes.

    `entry` is AddressOfEntryPoint, None for the start of the first code section. `image_version`
    is MajorImageVersion, where a kernel states the version of its EFI stub (3 today).
    """

    header_size: int
    file_alignment: int = 0x200
    section_alignment: int = 0x1000
    dll_characteristics: int = NX_COMPAT
    subsystem: int = EFI_APPLICATION
    image_base: int = 0
    image_version: int = 0
    entry: int | None = None
    directories: int = 16
    certificates: tuple[int, int] = (0, 0)
    timestamp: int = 0


def align(value: int, boundary: int) -> int:
    """Return `value` rounded up to a multiple of `boundary`."""
    return -(-value // boundary) * boundary


def headers_size(arch: str, sections: int, directories: int = 16) -> int:
    """Return the bytes from the start of a file to the end of its section table."""
    return _PE_OFFSET + 24 + (96 if arch in _NARROW else 112) + 8 * directories + 40 * sections


def build_pe(
    arch: str,
    sections: Sequence[PeSection],
    *,
    dos: bytes = b"MZ",
    header_size: int = 0,
    file_alignment: int = 0x200,
    section_alignment: int = 0x1000,
    dll_characteristics: int = NX_COMPAT,
    subsystem: int = EFI_APPLICATION,
    image_base: int = 0,
    image_version: int = 0,
    entry: int | None = None,
    directories: int = 16,
    timestamp: int = 0,
    checksum: bool = True,
    overlay: bytes = b"",
    certificates: bytes = b"",
) -> bytes:
    """Return an EFI application; `dos` fills the first 0x3c bytes, `overlay` follows the sections.

    SizeOfHeaders is `header_size` or, where that is too small, what the headers need.
    `certificates` is the content of the certificate table, empty for an unsigned file. Without
    `checksum` the field stays 0, as kernel builds leave it. Raises WarmbootError for an `arch`
    that PE has no number for, and for more than it can hold.
    """
    needed = max(headers_size(arch, len(sections), directories), header_size)
    head_size = align(needed, file_alignment)
    placed = _place(sections, head_size, file_alignment, section_alignment)
    image = bytearray(head_size)
    for section, where in zip(sections, placed, strict=True):
        image += section.content.ljust(where.file_size, b"\0")
    image += overlay
    table = (0, 0)
    if certificates:
        image += bytes(-len(image) % 8)
        table = (len(image), len(certificates))
        image += certificates
    options = PeOptions(
        header_size=head_size,
        file_alignment=file_alignment,
        section_alignment=section_alignment,
        dll_characteristics=dll_characteristics,
        subsystem=subsystem,
        image_base=image_base,
        image_version=image_version,
        entry=entry,
        directories=directories,
        certificates=table,
        timestamp=timestamp,
    )
    head = dos[:0x3C].ljust(0x3C, b"\0") + struct.pack("<I", _PE_OFFSET)
    head += build_headers(arch, placed, options)
    image[: len(head)] = head
    return with_checksum(bytes(image)) if checksum else bytes(image)


def _place(
    sections: Sequence[PeSection], offset: int, file_alignment: int, section_alignment: int
) -> list[Placed]:
    placed = []
    address = align(offset, section_alignment)
    for section in sections:
        size = align(len(section.content), file_alignment)
        memory = len(section.content) if section.memory_size is None else section.memory_size
        placed.append(
            Placed(
                section.name, section.characteristics, address, memory, offset if size else 0, size
            )
        )
        offset += size
        address = align(address + max(memory, 1), section_alignment)
    return placed


def build_headers(arch: str, placed: Sequence[Placed], options: PeOptions) -> bytes:
    """Return PE signature, COFF header, optional header and section table, checksum 0.

    Raises WarmbootError for an `arch` that PE has no number for, for section names longer than
    8 bytes, and for a certificate table without room for its data directory.
    """
    if arch not in MACHINES:
        raise WarmbootError(f"PE has no machine number for {arch}")
    if options.certificates[1] and options.directories <= _CERTIFICATES:
        raise WarmbootError("A signed PE file needs at least 5 data directories")
    optional = _optional_header(arch in _NARROW, placed, options)
    flags = _EXECUTABLE | _STRIPPED | (_32_BIT if arch in _NARROW else 0)
    coff = struct.pack(
        "<4sHHIIIHH",
        b"PE\0\0", MACHINES[arch], len(placed), options.timestamp, 0, 0, len(optional), flags,
    )  # fmt: skip
    return coff + optional + b"".join(map(_section_header, placed))


def _section_header(section: Placed) -> bytes:
    name = section.name.encode()
    if len(name) > 8:
        raise WarmbootError(f"A PE section name has at most 8 bytes: {section.name}")
    return struct.pack(
        "<8sIIIIIIHHI",
        name, section.memory_size, section.address, section.file_size, section.offset,
        0, 0, 0, 0, section.characteristics,
    )  # fmt: skip


def _optional_header(narrow: bool, placed: Sequence[Placed], options: PeOptions) -> bytes:
    code = [section for section in placed if section.characteristics & CODE]
    data = [section for section in placed if section.characteristics & DATA]
    base = code[0].address if code else 0
    end = max((section.address + section.memory_size for section in placed), default=0)
    image_size = align(max(end, options.header_size), options.section_alignment)
    form, magic = ("<HBB9I6H4I2H6I", 0x10B) if narrow else ("<HBB5IQ2I6H4I2H4Q2I", 0x20B)
    start = (data[0].address if data else 0,) if narrow else ()
    fields = struct.pack(
        form,
        magic, 2, 40,
        sum(section.file_size for section in code),
        sum(section.file_size for section in data), 0,
        base if options.entry is None else options.entry, base, *start,
        options.image_base, options.section_alignment, options.file_alignment,
        0, 0, options.image_version, 0, 0, 0,
        0, image_size, options.header_size, 0,
        options.subsystem, options.dll_characteristics,
        0, 0, 0, 0, 0, options.directories,
    )  # fmt: skip
    directories = bytearray(8 * options.directories)
    if options.certificates[1]:
        struct.pack_into("<II", directories, 8 * _CERTIFICATES, *options.certificates)
    return fields + directories


def with_checksum(image: bytes) -> bytes:
    """Return the image, whose PE header stands at 0x40, with its checksum filled in."""
    position = _PE_OFFSET + 24 + 64
    return image[:position] + struct.pack("<I", checksum(image, position)) + image[position + 4 :]


def checksum(image: bytes, position: int) -> int:
    """Return the PE checksum of an image whose checksum field stands at `position`.

    It is the one's complement sum of all 16-bit words plus the length. That sum is the remainder
    of the whole file, read as one number, by 0xffff.
    """
    blank = image[:position] + bytes(4) + image[position + 4 :]
    return (int.from_bytes(blank, "little") % 0xFFFF or 0xFFFF) + len(image)


def build_certificate(content: bytes) -> bytes:
    """Return a WIN_CERTIFICATE of PKCS#7 type around `content`, padded to eight bytes."""
    size = 8 + len(content)
    entry = struct.pack("<IHH", size, 0x0200, 0x0002) + content
    return entry.ljust(align(size, 8), b"\0")
