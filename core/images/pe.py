"""PE headers and section tables, as far as boot images need them.

Source: Microsoft PE format specification. Every range is checked against the file.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator

from warmboot.core.architecture import Architecture, of_pe
from warmboot.core.errors import ImageError
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.view import View
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple, dataclass

_MAX_SECTIONS = 96  # the limit of the Windows loader; real boot images have fewer than 40
_NX_COMPAT = 0x0100
# SectionAlignment, FileAlignment, SizeOfImage, SizeOfHeaders, Subsystem, DllCharacteristics
_OPTIONAL = struct.Struct("<II16xII4xHH")
# e_magic, e_lfanew
_DOS = struct.Struct("<2s58xI")
# Signature, Machine, NumberOfSections, SizeOfOptionalHeader
_COFF = struct.Struct("<4sHH12xH2x")
_COUNT = struct.Struct("<I")
_DIRECTORY = struct.Struct("<II")
#: Where the data directories stand in PE32 and PE32+; their count is right in front.
_DIRECTORIES = {0x10B: 96, 0x20B: 112}
_CERTIFICATES = 4
# Name, VirtualSize, VirtualAddress, SizeOfRawData, PointerToRawData, Characteristics
_SECTION = struct.Struct("<8sIIII12xI")


class Section(NamedTuple):
    """One PE section. `offset` and `size` (bytes) are the content in the file, padding left out."""

    name: str
    offset: int
    size: int
    raw_size: int
    virtual_address: int
    virtual_size: int
    characteristics: int


#: Makes a section of a tuple, which takes half as long: a list reads nine for each UKI.
_section: Callable[[tuple[object, ...]], Section] = functools.partial(tuple.__new__, Section)


class PeHeaders(NamedTuple):
    """COFF and optional header fields; offsets and sizes in bytes."""

    offset: int
    machine: int
    architecture: Architecture | None
    sections: tuple[Section, ...]
    subsystem: int
    dll_characteristics: int
    size_of_image: int
    size_of_headers: int
    file_alignment: int
    section_alignment: int
    certificates: tuple[int, int]
    certificate_entry: int
    headers_end: int

    def find(self, name: str) -> Section | None:
        """Return the first section called `name`, None where there is none."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Section]:
        """Yield the sections called `name` in file order."""
        return (section for section in self.sections if section.name == name)

    @property
    def nx_compatible(self) -> bool:
        """Whether the file declares that it runs with non-executable data (NX_COMPAT)."""
        return bool(self.dll_characteristics & _NX_COMPAT)


def parse_headers(view: View) -> PeHeaders:
    """Parse the PE headers of `view`; raise ImageError where they are broken or out of range."""
    magic, offset = _DOS.unpack(view.read(0, _DOS.size, "DOS header"))
    if magic != b"MZ":
        raise ImageError("Not a PE file: it does not start with MZ", offset=0)
    coff = view.read(offset, _COFF.size, "PE signature and COFF header")
    signature, machine, count, optional = _COFF.unpack(coff)
    if signature != b"PE\0\0":
        raise ImageError("No PE signature where the header says it is", offset=offset)
    if count > _MAX_SECTIONS:
        raise ImageError(
            f"{count} PE sections; boot images have at most {_MAX_SECTIONS}", offset=offset + 6
        )
    start = offset + _COFF.size
    end = start + optional + _SECTION.size * count
    if end > 1 << 20:
        raise ImageError(f"The PE headers end at {end:#x}, too far into the file", offset=0x3C)
    rest = view.read(start, end - start, "PE optional header and section table")
    directories = _directories(rest[:optional], start)
    alignment, in_file, image, headers, subsystem, dll = _OPTIONAL.unpack_from(rest, 32)
    entry = directories + 8 * _CERTIFICATES
    (directory_count,) = _COUNT.unpack_from(rest, directories - 4)
    signed = directory_count > _CERTIFICATES and optional >= entry + 8
    return PeHeaders(
        offset=offset,
        machine=machine,
        architecture=of_pe(machine),
        sections=_sections(rest[optional:], view.size, offset),
        subsystem=subsystem,
        dll_characteristics=dll,
        size_of_image=image,
        size_of_headers=headers,
        file_alignment=in_file,
        section_alignment=alignment,
        certificates=_DIRECTORY.unpack_from(rest, entry) if signed else (0, 0),
        certificate_entry=start + entry,
        headers_end=end,
    )


def _directories(raw: bytes, offset: int) -> int:
    """Return where the data directories stand in an optional header, which begins at `offset`."""
    magic = int.from_bytes(raw[:2], "little")
    if magic not in _DIRECTORIES:
        what = f"an optional header of the kind {magic:#x}" if raw else "no optional header"
        raise ImageError(f"The PE file has {what}", offset=offset)
    directories = _DIRECTORIES[magic]
    if len(raw) < directories:
        raise ImageError(
            f"The PE optional header has {len(raw)} bytes instead of {directories} or more",
            offset=offset,
        )
    return directories


def _sections(table: bytes, end: int, offset: int) -> tuple[Section, ...]:
    """Return the sections of a table in a file of `end` bytes, whose PE header is at `offset`."""
    found = []
    for packed, virtual, address, raw, position, flags in _SECTION.iter_unpack(table):
        size = virtual if 0 < virtual < raw else raw
        if size and position + size > end:
            raise ImageError(
                f"Section {_name(packed)} reaches beyond the end of the file: "
                f"{position:#x} + {size} bytes in a file of {end}",
                offset=offset,
                hint="The file is truncated or damaged. Compare its size with the original.",
            )
        found.append(_section((_name(packed), position, size, raw, address, virtual, flags)))
    return tuple(found)


@functools.lru_cache(256)
def _name(packed: bytes) -> str:
    """Return a section's name from its 8 bytes; most images have the same few names."""
    return printable(packed.split(b"\0", 1)[0])


def describe_headers(headers: PeHeaders) -> tuple[Fact, ...]:
    """Return the lines about a PE file that every format made of one shares."""
    file, memory = headers.file_alignment, headers.section_alignment
    return (
        Fact("Signed", "yes" if headers.certificates[1] else "no"),
        Fact("NX compatible", "yes" if headers.nx_compatible else "no"),
        Fact("Alignment", f"{file:#x} in the file, {memory:#x} in memory"),
        Fact("Sections", " ".join(section.name for section in headers.sections) or "none"),
    )


def machine_of(view: View) -> Architecture | None:
    """Return the architecture a PE file is for, None where the file is no PE or names another."""
    if view.size < 0x40 or view.read(0, 2, "DOS header") != b"MZ":
        return None
    offset = view.u32(0x3C, "PE header offset")
    if offset + 6 > view.size or view.read(offset, 4, "PE signature") != b"PE\0\0":
        return None
    return of_pe(view.u16(offset + 4, "PE machine"))


@dataclass(frozen=True, kw_only=True)
class PeProgram(BootImage):
    """An EFI program that is no kernel warmboot knows: a boot loader, a shell, an add-on."""

    format: ClassVar[Format] = Format.PE
    about: ClassVar[str] = "other EFI program"
    recognised_by: ClassVar[str] = "`MZ` at 0 and a PE header, no kernel inside"

    headers: PeHeaders

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return head[:2] == b"MZ"

    @classmethod
    def parse(cls, view: View) -> Self:
        headers = parse_headers(view)
        return cls(
            file_size=view.size,
            architecture=headers.architecture,
            memory_size=headers.size_of_image,
            headers=headers,
        )

    def facts(self) -> tuple[Fact, ...]:
        return describe_headers(self.headers)


def is_signed(view: View) -> bool:
    """Whether a file has a certificate table at all: the header alone is read.

    Source: PE Format, optional header data directories; entry 4 is the certificate table.
    """
    try:
        if view.head(2) != b"MZ":
            return False
        header = view.u32(0x3C, "PE header offset")
        if view.read(header, 4, "PE header") != b"PE\0\0":
            return False
        start = _DIRECTORIES.get(view.u16(header + 24, "optional header magic"))
        if start is None:
            return False
        directories = header + 24 + start
        if view.u32(directories - 4, "count of data directories") <= _CERTIFICATES:
            return False
        size = directories + _CERTIFICATES * _DIRECTORY.size + 4
        return view.u32(size, "certificate table size") > 0
    except ImageError:
        return False
