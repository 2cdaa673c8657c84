"""Writes ELF64 relocatable files: parser objects, containers of them, and envelopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warmboot.core.bpf.abi import CODE_SYMBOL, DATA_SYMBOL
from warmboot.core.bpf.envelope import read_pieces
from warmboot.core.bpf.pe_layout import align
from warmboot.core.images import BytesView, View, elf64
from warmboot.core.images.bpfcontainer import NAMES
from warmboot.core.progress import Cancel
from warmboot.core.values import NamedTuple

Write = Callable[[bytes | bytearray | memoryview], None]

_BPF = 247  # EM_BPF
_WRITE_ALLOC = 0x3
_OBJECT = 1  # STT_OBJECT
_ALIGNMENT = 16


class Section(NamedTuple):
    """A section to be written; `link` and `info` as its type has them, `entry_size` in bytes."""

    name: str
    content: View
    type: int = elf64.PROGBITS
    flags: int = 0
    link: int = 0
    info: int = 0
    entry_size: int = 0


def write_elf(
    sections: Sequence[Section], write: Write, *, machine: int = 0, cancel: Cancel | None = None
) -> int:
    """Write a relocatable file with these sections and one for their names; return its size.

    Front to back, each section as long as its content. Raises Cancelled and what `write` raises.
    """
    names = b"\0" + b"".join(s.name.encode() + b"\0" for s in sections) + NAMES.encode() + b"\0"
    contents = [*sections, Section(NAMES, BytesView(names), elf64.STRTAB)]
    rows = [elf64.SectionHeader()]
    position = elf64.HEADER_SIZE
    for section in contents:
        position = align(position, _ALIGNMENT)
        rows.append(
            elf64.SectionHeader(
                name=names.index(b"\0" + section.name.encode() + b"\0") + 1,
                type=section.type,
                flags=section.flags,
                offset=position,
                size=section.content.size,
                link=section.link,
                info=section.info,
                alignment=_ALIGNMENT if section.flags or section.entry_size else 1,
                entry_size=section.entry_size,
            )
        )
        position += section.content.size
    table = align(position, 8)
    header = elf64.FileHeader(
        elf64.IDENT, elf64.RELOCATABLE, machine, 1, 0, 0, table, 0,
        elf64.HEADER_SIZE, 0, 0, elf64.SECTION_SIZE, len(rows), len(rows) - 1,
    )  # fmt: skip
    write(header.pack())
    position = elf64.HEADER_SIZE
    for section in contents:
        write(bytes(-position % _ALIGNMENT))
        for piece in read_pieces(section.content, 0, section.content.size, cancel):
            write(piece)
        position = align(position, _ALIGNMENT) + section.content.size
    write(bytes(table - position) + b"".join(row.pack() for row in rows))
    return table + elf64.SECTION_SIZE * len(rows)


def write_object(data: bytes, code: bytes) -> bytes:
    """Return the object that goes into `.bpf`, for the two arrays of a light skeleton.

    The kernel drops the last byte of each symbol (the NUL of a C string), so each is one byte
    longer than its array.
    """
    content, strings = bytearray(), bytearray(1)
    symbols = elf64.Symbol().pack()
    for name, array in ((DATA_SYMBOL, data), (CODE_SYMBOL, code)):
        info = elf64.GLOBAL << 4 | _OBJECT
        symbol = elf64.Symbol(len(strings), info, 0, 1, len(content), len(array) + 1)
        symbols += symbol.pack()
        strings += name.encode() + b"\0"
        content += array + bytes(1 + -(len(array) + 1) % _ALIGNMENT)
    out = bytearray()
    write_elf(
        (
            Section(".data", BytesView(bytes(content)), flags=_WRITE_ALLOC),
            Section(
                ".symtab", BytesView(symbols), elf64.SYMTAB,
                link=3, info=1, entry_size=elf64.SYMBOL_SIZE,
            ),
            Section(".strtab", BytesView(bytes(strings)), elf64.STRTAB),
        ),
        out.extend,
        machine=_BPF,
    )  # fmt: skip
    return bytes(out)
