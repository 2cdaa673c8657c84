"""Parser objects as bpftool lays them out, for whoever looks into them; they are not to be run.

Source: the light skeletons of bpftool-gen(8); elf(5).
"""

from __future__ import annotations

import struct

_IDENTITY = struct.Struct("<16sIIQ")  # magic, dialect, kind, bytes of the record
_MAGIC = b"warmboot-parser"
_RING, _ARRAY = 27, 2
_SECTIONS = (".rodata", ".data", ".rodata.str1.1", ".bss")


def _map_call(name: str, ring: int | None = None) -> bytes:
    """Return the arguments of a BPF_MAP_CREATE as they stand in opts_data."""
    kind = (_ARRAY, 4, 64, 1) if ring is None else (_RING, 0, 0, ring)
    return struct.pack("<7I16s", *kind, 0, 0, 0, name.encode()).ljust(72, b"\0")


def build_opts_data(
    *,
    dialect: int = 6,
    kind: int = 1,
    record: int = 16 << 20,
    rings: tuple[int, ...] = (32 << 20, 65536, 65536, 65536),
    sections: tuple[str, ...] = _SECTIONS,
    identity: bool = True,
) -> bytes:
    """Return the data of a light skeleton: the calls that make its maps, and the identity.

    Without `identity` it is the parser of another tool. Sizes in bytes.
    """
    maps = [_map_call(f"ringbuf_{n}", ring) for n, ring in enumerate(rings, 1)]
    maps += [_map_call(name if name.count(".") > 1 else "p" + name) for name in sections]
    own = _IDENTITY.pack(_MAGIC, dialect, kind, record) if identity else b""
    return bytes(256) + b"".join(maps) + own + b"kexec_image_parser_anchor\0".ljust(40, b"\0")


def build_object(
    data: bytes,
    code: bytes,
    *,
    extra: int = 1,
    binding: int = 1,
    names: tuple[str, str] = ("opts_data", "opts_insn"),
    machine: int = 0,
) -> bytes:
    """Return an ELF64 object whose two symbols are `extra` bytes longer than their arrays."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    section_names = b"\0.data\0.symtab\0.strtab\0.shstrtab\0"
    symbols = bytes(24)
    offset = 0
    content = b""
    for name, array in zip(names, (data, code), strict=True):
        at = strings.index(b"\0" + name.encode() + b"\0") + 1
        size = len(array) + extra
        symbols += struct.pack("<IBBHQQ", at, binding << 4 | 1, 0, 1, len(content), size)
        content += array + b"\0"
        content = content.ljust(-(-len(content) // 8) * 8, b"\0")
    out = bytearray(64)
    rows = [bytes(64)]
    for name, kind, link, blob, entry in (
        (".data", 1, 0, content, 0),
        (".symtab", 2, 3, symbols, 24),
        (".strtab", 3, 0, strings, 0),
        (".shstrtab", 3, 0, section_names, 0),
    ):
        offset = len(out)
        at = section_names.index(b"\0" + name.encode() + b"\0") + 1
        row = (at, kind, 0, 0, offset, len(blob), link, 1, 8, entry)
        rows.append(struct.pack("<IIQQQQIIQQ", *row))
        out += blob.ljust(-(-len(blob) // 8) * 8, b"\0")
    out[:64] = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01", 1, machine, 1, 0, 0, len(out), 0, 64, 0, 0, 64, len(rows), 4,
    )  # fmt: skip
    return bytes(out) + b"".join(rows)


def build_parser(**options: object) -> bytes:
    """Return a parser object; the options are those of `build_opts_data`."""
    return build_object(build_opts_data(**options), bytes(range(256)) * 8)  # type: ignore[arg-type]
