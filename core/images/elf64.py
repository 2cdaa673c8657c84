"""ELF64 files, little endian, that are containers and no programs: their structures and tables.

The one description of these structures; what is written is written by them too. Source: elf(5).
"""

from __future__ import annotations

import struct

from warmboot.core.errors import ImageError
from warmboot.core.hints import Self
from warmboot.core.images.view import View
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple, dataclass

IDENT = b"\x7fELF\x02\x01\x01"  # 64 bits, little endian, version 1
RELOCATABLE = 1
PROGBITS, SYMTAB, STRTAB, NOBITS = 1, 2, 3, 8
GLOBAL = 1

_MAX_SECTIONS = 64
_MAX_NAMES = 1 << 16
_MAX_SYMBOLS = 4096
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
#: Bytes of the file header, of a section header and of a symbol.
HEADER_SIZE, SECTION_SIZE, SYMBOL_SIZE = _HEADER.size, _SECTION.size, _SYMBOL.size


class FileHeader(NamedTuple):
    """Elf64_Ehdr; offsets and sizes in bytes."""

    ident: bytes
    type: int
    machine: int
    version: int
    entry: int
    segment_table: int
    section_table: int
    flags: int
    header_size: int
    segment_size: int
    segment_count: int
    section_size: int
    section_count: int
    names: int

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Read the first bytes of a file, HEADER_SIZE or more."""
        return cls(*_HEADER.unpack_from(raw))

    def pack(self) -> bytes:
        """Return the header as bytes."""
        return _HEADER.pack(*self)


class SectionHeader(NamedTuple):
    """Elf64_Shdr; offsets and sizes in bytes. The first row of a table has zeros only."""

    name: int = 0
    type: int = 0
    flags: int = 0
    address: int = 0
    offset: int = 0
    size: int = 0
    link: int = 0
    info: int = 0
    alignment: int = 0
    entry_size: int = 0

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Read one row of a section table."""
        return cls(*_SECTION.unpack(raw))

    def pack(self) -> bytes:
        """Return the row as bytes."""
        return _SECTION.pack(*self)


class Symbol(NamedTuple):
    """Elf64_Sym; `value` is a place in its section, `size` in bytes."""

    name: int = 0
    info: int = 0
    other: int = 0
    section: int = 0
    value: int = 0
    size: int = 0

    def pack(self) -> bytes:
        """Return the symbol as bytes."""
        return _SYMBOL.pack(*self)


@dataclass(frozen=True)
class ElfSection:
    """One section of an ELF file: `size` bytes at `offset`."""

    name: str
    kind: int
    offset: int
    size: int
    link: int


@dataclass(frozen=True)
class ElfSymbol:
    """A global symbol with a size: `size` bytes at `value` of section number `section`."""

    name: str
    section: int
    value: int
    size: int


def is_container(head: bytes) -> bool:
    """Whether a file's first bytes are those of an ELF64 file with sections and no segments."""
    if len(head) < HEADER_SIZE or not head.startswith(IDENT):
        return False
    header = FileHeader.unpack(head)
    return header.segment_count == 0 and header.section_count > 0


def read_elf_sections(view: View) -> tuple[ElfSection, ...]:
    """Return the sections behind the null section; raise ImageError where one is out of range."""
    head = view.read(0, HEADER_SIZE, "ELF header")
    if not head.startswith(IDENT):
        raise ImageError("Not a little-endian ELF64 file", offset=0)
    header = FileHeader.unpack(head)
    entry, count, names = header.section_size, header.section_count, header.names
    if entry != SECTION_SIZE or not 0 < count <= _MAX_SECTIONS or names >= count:
        raise ImageError(
            f"Not the section table of a container: {count} ELF sections of {entry} bytes, "
            f"names in section {names}",
            offset=0x28,
        )
    raw = view.read(header.section_table, entry * count, "ELF section table")
    rows = [SectionHeader(*row) for row in _SECTION.iter_unpack(raw)]
    strings = _strings(view, rows[names].offset, rows[names].size)
    return tuple(
        ElfSection(_name(strings, row.name), row.type, *_range(view, row), row.link)
        for row in rows[1:]
    )


def _range(view: View, row: SectionHeader) -> tuple[int, int]:
    if row.type == NOBITS:
        return row.offset, 0
    view.part(row.offset, row.size, "ELF section")
    return row.offset, row.size


def read_elf_symbols(view: View, sections: tuple[ElfSection, ...]) -> tuple[ElfSymbol, ...]:
    """Return the global symbols with a size; raise ImageError where the table is broken.

    Their `section` counts from 1, as in the file: section 1 is ``sections[0]``.
    """
    table = next((section for section in sections if section.kind == SYMTAB), None)
    if table is None:
        return ()
    if table.size > _MAX_SYMBOLS * SYMBOL_SIZE or table.size % SYMBOL_SIZE:
        raise ImageError("The ELF symbol table has an impossible size", offset=table.offset)
    if not 0 < table.link <= len(sections):
        raise ImageError("The ELF symbol table names no string table", offset=table.offset)
    names = sections[table.link - 1]
    strings = _strings(view, names.offset, names.size)
    raw = view.read(table.offset, table.size, "ELF symbol table")
    return tuple(
        ElfSymbol(_name(strings, symbol.name), symbol.section, symbol.value, symbol.size)
        for symbol in (Symbol(*row) for row in _SYMBOL.iter_unpack(raw))
        if symbol.info >> 4 == GLOBAL and symbol.size
    )


def _strings(view: View, offset: int, size: int) -> bytes:
    if size > _MAX_NAMES:
        raise ImageError(f"Invalid ELF string table size: {size} bytes", offset=offset)
    return view.read(offset, size, "ELF string table")


def _name(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    if offset >= len(strings) or end < 0:
        raise ImageError("An ELF name lies outside the string table")
    return printable(strings[offset:end], 200)
