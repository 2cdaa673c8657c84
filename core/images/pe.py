"""PE headers and section tables, as far as boot images need them.

Source: Microsoft PE format specification; pefile reads a header slice whose size is computed
here, and every range it returns is checked against the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from warmboot.core.errors import ImageError
from warmboot.core.images.model import Architecture, BootImage, Fact, Format
from warmboot.core.images.view import View
from warmboot.core.text import printable

if TYPE_CHECKING:
    import pefile

MACHINES = {
    0x014C: Architecture.X86,
    0x8664: Architecture.X86_64,
    0x01C2: Architecture.ARM,
    0xAA64: Architecture.ARM64,
    0x5064: Architecture.RISCV64,
    0x6264: Architecture.LOONGARCH64,
}
_MAX_SECTIONS = 96  # the limit of the Windows loader; real boot images have fewer than 40
_NX_COMPAT = 0x0100


@dataclass(frozen=True, slots=True)
class Section:
    """One PE section. `offset` and `size` (bytes) are the content in the file, padding left out."""

    name: str
    offset: int
    size: int
    raw_size: int
    virtual_address: int
    virtual_size: int
    characteristics: int


@dataclass(frozen=True, slots=True)
class PeHeaders:
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
    if view.read(0, 2, "DOS header") != b"MZ":
        raise ImageError("Not a PE file: it does not start with MZ", offset=0)
    offset = view.u32(0x3C, "PE header offset")
    if view.read(offset, 4, "PE signature") != b"PE\0\0":
        raise ImageError("No PE signature where the header says it is", offset=offset)
    machine = view.u16(offset + 4, "PE machine")
    count = view.u16(offset + 6, "section count")
    optional = view.u16(offset + 20, "optional header size")
    if count > _MAX_SECTIONS:
        raise ImageError(
            f"{count} PE sections; boot images have at most {_MAX_SECTIONS}", offset=offset + 6
        )
    end = offset + 24 + optional + 40 * count
    if end > 1 << 20:
        raise ImageError(f"The PE headers end at {end:#x}, too far into the file", offset=0x3C)
    parsed = _pefile(view.read(0, end, "PE headers"), offset)
    header = parsed.OPTIONAL_HEADER
    return PeHeaders(
        offset=offset,
        machine=machine,
        architecture=MACHINES.get(machine),
        sections=tuple(_section(view, raw, offset) for raw in parsed.sections),
        subsystem=header.Subsystem,
        dll_characteristics=header.DllCharacteristics,
        size_of_image=header.SizeOfImage,
        size_of_headers=header.SizeOfHeaders,
        file_alignment=header.FileAlignment,
        section_alignment=header.SectionAlignment,
        certificates=_certificates(header),
        certificate_entry=offset + 24 + (112 if header.Magic == 0x20B else 96) + 4 * 8,
        headers_end=end,
    )


def _pefile(head: bytes, offset: int) -> pefile.PE:
    import pefile  # 40 ms: only for files that are PE

    try:
        parsed = pefile.PE(data=head, fast_load=True)
    except pefile.PEFormatError as error:
        raise ImageError(f"Broken PE header: {printable(str(error))}", offset=offset) from error
    if not hasattr(parsed, "OPTIONAL_HEADER") or parsed.OPTIONAL_HEADER is None:
        raise ImageError("The PE file has no optional header", offset=offset)
    return parsed


def _section(view: View, raw: pefile.SectionStructure, offset: int) -> Section:
    name = printable(raw.Name.split(b"\0", 1)[0])
    size = min(raw.SizeOfRawData, raw.Misc_VirtualSize or raw.SizeOfRawData)
    if size and raw.PointerToRawData + size > view.size:
        raise ImageError(
            f"Section {name} reaches beyond the end of the file: "
            f"{raw.PointerToRawData:#x} + {size} bytes in a file of {view.size}",
            offset=offset,
            hint="The file is truncated or damaged. Compare its size with the original.",
        )
    return Section(
        name=name,
        offset=raw.PointerToRawData,
        size=size,
        raw_size=raw.SizeOfRawData,
        virtual_address=raw.VirtualAddress,
        virtual_size=raw.Misc_VirtualSize,
        characteristics=raw.Characteristics,
    )


def describe_headers(headers: PeHeaders) -> tuple[Fact, ...]:
    """Return the lines about a PE file that every format made of one shares."""
    file, memory = headers.file_alignment, headers.section_alignment
    return (
        Fact("Signed", "yes" if headers.certificates[1] else "no"),
        Fact("NX compatible", "yes" if headers.nx_compatible else "no"),
        Fact("Alignment", f"{file:#x} in the file, {memory:#x} in memory"),
        Fact("Sections", " ".join(section.name for section in headers.sections) or "none"),
    )


def _certificates(header: pefile.Structure) -> tuple[int, int]:
    """Return file offset and size of the certificate table, (0, 0) without one."""
    directories = getattr(header, "DATA_DIRECTORY", [])
    if len(directories) <= 4:
        return 0, 0
    return directories[4].VirtualAddress, directories[4].Size


def machine_of(view: View) -> Architecture | None:
    """Return the architecture a PE file is for, None where the file is no PE or names another."""
    if view.size < 0x40 or view.read(0, 2, "DOS header") != b"MZ":
        return None
    offset = view.u32(0x3C, "PE header offset")
    if offset + 6 > view.size or view.read(offset, 4, "PE signature") != b"PE\0\0":
        return None
    return MACHINES.get(view.u16(offset + 4, "PE machine"))


@dataclass(frozen=True, slots=True, kw_only=True)
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
