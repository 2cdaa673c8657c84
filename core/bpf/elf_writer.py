"""Writes the object that goes into `.bpf`: an ELF64 relocatable file with two arrays.

The kernel drops the last byte of each symbol (the NUL of a C string), so each is one byte longer
than its array.
"""

from __future__ import annotations

import struct

from warmboot.core.bpf.abi import CODE_SYMBOL, DATA_SYMBOL

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATABLE, _BPF = 1, 247
_PROGBITS, _SYMTAB, _STRTAB = 1, 2, 3
_WRITE_ALLOC = 0x3
_GLOBAL_OBJECT = 1 << 4 | 1
_ALIGNMENT = 8


def write_object(data: bytes, code: bytes) -> bytes:
    """Return the object for the arrays opts_data and opts_insn of a light skeleton."""
    content = bytearray()
    symbols = bytearray(_SYMBOL.size)
    strings = bytearray(1)
    for name, array in ((DATA_SYMBOL, data), (CODE_SYMBOL, code)):
        place, size = len(content), len(array) + 1
        symbols += _SYMBOL.pack(len(strings), _GLOBAL_OBJECT, 0, 1, place, size)
        strings += name.encode() + b"\0"
        content += array + bytes(1 + -(size) % _ALIGNMENT)
    return _elf(
        (
            (".data", _PROGBITS, _WRITE_ALLOC, bytes(content), 0, 0, 0),
            (".symtab", _SYMTAB, 0, bytes(symbols), 3, 1, _SYMBOL.size),
            (".strtab", _STRTAB, 0, bytes(strings), 0, 0, 0),
        )
    )


def _elf(sections: tuple[tuple[str, int, int, bytes, int, int, int], ...]) -> bytes:
    """Return an ELF file of sections (name, type, flags, content, link, info, entry size)."""
    names = bytearray(1)
    body = bytearray(_HEADER.size)
    rows = bytearray(_SECTION.size)
    for name, kind, flags, content, link, info, entry in sections:
        rows += _SECTION.pack(
            len(names), kind, flags, 0, len(body), len(content), link, info, _ALIGNMENT, entry
        )
        names += name.encode() + b"\0"
        body += content + bytes(-len(content) % _ALIGNMENT)
    last = len(names)
    names += b".shstrtab\0"
    rows += _SECTION.pack(last, _STRTAB, 0, 0, len(body), len(names), 0, 0, 1, 0)
    body += names + bytes(-len(names) % _ALIGNMENT)
    count = len(rows) // _SECTION.size
    _HEADER.pack_into(
        body, 0, b"\x7fELF\x02\x01\x01", _RELOCATABLE, _BPF, 1, 0, 0, len(body), 0,
        _HEADER.size, 0, 0, _SECTION.size, count, count - 1,
    )  # fmt: skip
    return bytes(body + rows)
