"""Section tables of ELF64 files that are containers, not programs. Source: elf(5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from warmboot.core.errors import ImageError
from warmboot.core.images.view import View
from warmboot.core.text import printable

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_IDENT = b"\x7fELF\x02\x01\x01"  # 64 bits, little endian, version 1
_MAX_SECTIONS = 64
_MAX_NAMES = 1 << 16
_MAX_SYMBOLS = 4096
_NOBITS, _SYMTAB = 8, 2
_GLOBAL = 1


@dataclass(frozen=True, slots=True)
class ElfSection:
    """One section of an ELF file: `size` bytes at `offset`."""

    name: str
    kind: int
    offset: int
    size: int
    link: int


@dataclass(frozen=True, slots=True)
class ElfSymbol:
    """A global symbol with a size: `size` bytes at `value` of section number `section`."""

    name: str
    section: int
    value: int
    size: int


def is_container(head: bytes) -> bool:
    """Whether a file's first bytes are those of an ELF64 file with sections and no segments."""
    if len(head) < _HEADER.size or not head.startswith(_IDENT):
        return False
    fields = _HEADER.unpack_from(head)
    return bool(fields[10] == 0 and fields[12])


def read_elf_sections(view: View) -> tuple[ElfSection, ...]:
    """Return the sections behind the null section; raise ImageError where one is out of range."""
    head = view.read(0, _HEADER.size, "ELF header")
    if not head.startswith(_IDENT):
        raise ImageError("Not a little-endian ELF64 file", offset=0)
    *_, table, _flags, _size, _psize, _pcount, entry, count, names = _HEADER.unpack(head)
    if entry != _SECTION.size or not 0 < count <= _MAX_SECTIONS or names >= count:
        raise ImageError(
            f"Not the section table of a container: {count} ELF sections of {entry} bytes, "
            f"names in section {names}",
            offset=0x28,
        )
    raw = view.read(table, entry * count, "ELF section table")
    rows = list(_SECTION.iter_unpack(raw))
    strings = _strings(view, rows[names][4], rows[names][5])
    return tuple(
        ElfSection(_name(strings, row[0]), row[1], *_range(view, row), row[6]) for row in rows[1:]
    )


def _range(view: View, row: tuple[int, ...]) -> tuple[int, int]:
    kind, offset, size = row[1], row[4], row[5]
    if kind == _NOBITS:
        return offset, 0
    view.part(offset, size, "ELF section")
    return offset, size


def read_elf_symbols(view: View, sections: tuple[ElfSection, ...]) -> tuple[ElfSymbol, ...]:
    """Return the global symbols with a size; raise ImageError where the table is broken.

    Their `section` counts from 1, as in the file: section 1 is ``sections[0]``.
    """
    table = next((section for section in sections if section.kind == _SYMTAB), None)
    if table is None:
        return ()
    if table.size > _MAX_SYMBOLS * _SYMBOL.size or table.size % _SYMBOL.size:
        raise ImageError("The ELF symbol table has an impossible size", offset=table.offset)
    if not 0 < table.link <= len(sections):
        raise ImageError("The ELF symbol table names no string table", offset=table.offset)
    names = sections[table.link - 1]
    strings = _strings(view, names.offset, names.size)
    raw = view.read(table.offset, table.size, "ELF symbol table")
    return tuple(
        ElfSymbol(_name(strings, name), section, value, size)
        for name, info, _other, section, value, size in _SYMBOL.iter_unpack(raw)
        if info >> 4 == _GLOBAL and size
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
