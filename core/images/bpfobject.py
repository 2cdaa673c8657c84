"""Parser programs for kernels with CONFIG_KEXEC_BPF, as objects and inside boot images.

The object is an ELF64 relocatable file whose symbols opts_data and opts_insn are the two arrays
of a light skeleton (bpftool-gen(8), option -L). Nothing is run here: what the object declares is
read out of the arrays.
"""

from __future__ import annotations

import struct

from warmboot.core.errors import ImageError
from warmboot.core.expression import expression
from warmboot.core.hints import ClassVar, Self
from warmboot.core.images.elf64 import is_container, read_elf_sections, read_elf_symbols
from warmboot.core.images.model import BootImage, Fact, Format
from warmboot.core.images.view import View
from warmboot.core.text import size
from warmboot.core.values import dataclass

#: The object's two symbols.
DATA_SYMBOL, CODE_SYMBOL = "opts_data", "opts_insn"
#: The function of the kernel that parsers attach to.
ANCHOR = "kexec_image_parser_anchor"
#: No parser is larger, in bytes; those known have under 100 KiB.
LARGEST = 1 << 20

#: First bytes of the `.rodata` of every parser of ours: magic, dialect (6 or 7), kind, and the
#: bytes of its record. They tell what an object is without running it.
IDENTITY = struct.Struct("<16sIIQ")
IDENTITY_MAGIC = b"warmboot-parser\0"

_KINDS = {1: "zboot", 2: "copy", 3: "UKI", 4: "inner zboot"}
# union bpf_attr of BPF_MAP_CREATE up to map_name; source: include/uapi/linux/bpf.h.
_MAP = struct.Struct("<7I16s")
_ARRAY, _RING = 2, 27
# The same of BPF_PROG_LOAD up to expected_attach_type; what the loader program fills in is 0.
_PROGRAM = struct.Struct("<II16xII8xII16sII")
_TRACING, _FENTRY, _SLEEPABLE = 26, 24, 1 << 4
_MOST_INSTRUCTIONS = 1_000_000
_NAME = expression(rb"([A-Za-z0-9_.]{1,15})\0+")
# The header of the types that go along; source: Documentation/bpf/btf.rst.
_TYPES = struct.Struct("<HBBIIIII")
_TYPES_MAGIC = b"\x9f\xeb\x01"
# What parsers read of struct kexec_context: the one name is in dialect 7 alone.
_READ_IN_7, _READ_IN_6 = b"\0parsing_buf\0", b"\0kernel_sz\0"


@dataclass(frozen=True)
class ParserIdentity:
    """What a parser of ours says it is: dialect 6 or 7, kind as a word, record in bytes."""

    dialect: int
    kind: str
    record_size: int

    @classmethod
    def find(cls, data: bytes) -> Self | None:
        """Return the identity inside an opts_data array; None in a parser that is not ours."""
        at = data.find(IDENTITY_MAGIC)
        if at < 0 or at + IDENTITY.size > len(data):
            return None
        _, dialect, kind, record = IDENTITY.unpack_from(data, at)
        return cls(dialect, _KINDS.get(kind, f"unknown ({kind})"), record)


@dataclass(frozen=True)
class ParserMap:
    """A map that the object creates: its name, and for a ring buffer its size in bytes.

    `place` is where its description stands in the opts_data array.
    """

    name: str
    ring: int | None
    place: int = 0


def read_maps(data: bytes) -> tuple[ParserMap, ...]:
    """Return the maps that an opts_data array creates, in order.

    They stand in it as arguments of bpf(2), 8-byte aligned.
    """
    found = []
    for at in range(0, len(data) - _MAP.size + 1, 8):
        kind = data[at]
        if kind not in (_ARRAY, _RING):
            continue
        kind, key, value, entries, _flags, inner, node, raw = _MAP.unpack_from(data, at)
        name = _NAME.fullmatch(raw)
        if name is None or inner or node or not entries:
            continue
        if (kind, key, value) == (_RING, 0, 0):
            found.append(ParserMap(name[1].decode(), entries, at))
        elif (kind, key, entries) == (_ARRAY, 4, 1) and value:
            found.append(ParserMap(name[1].decode(), None, at))
    return tuple(found)


@dataclass(frozen=True)
class ParserProgram:
    """A program that the object loads. `fentry`: it is called where a function begins, and may
    sleep there, as parsers must."""

    name: str
    fentry: bool


def read_programs(data: bytes) -> tuple[ParserProgram, ...]:
    """Return the programs that an opts_data array loads, in order, as far as they can be told.

    They stand in it as arguments of bpf(2), 8-byte aligned.
    """
    found = []
    for at in range(0, len(data) - _PROGRAM.size + 1, 8):
        if not data[at] or any(data[at + 1 : at + 4]) or any(data[at + 8 : at + 24]):
            continue
        kind, count, level, log, version, flags, raw, device, attach = _PROGRAM.unpack_from(
            data, at
        )
        name = _NAME.fullmatch(raw)
        if name is None or level or log or version or device:
            continue
        if 0 < count <= _MOST_INSTRUCTIONS:
            fentry = (kind, attach) == (_TRACING, _FENTRY) and bool(flags & _SLEEPABLE)
            found.append(ParserProgram(name[1].decode(), fentry))
    return tuple(found)


def read_dialect(data: bytes) -> int | None:
    """Return the dialect (6 or 7) that a parser's program was compiled for; None where unknown.

    Told by what it reads of struct kexec_context, whose members' names go along in its types.
    """
    at = data.find(_TYPES_MAGIC)
    if at < 0 or at + _TYPES.size > len(data):
        return None
    _, _, _, head, _, _, offset, length = _TYPES.unpack_from(data, at)
    start = at + head + offset
    names = data[start : start + length]
    if _READ_IN_7 in names:
        return 7
    return 6 if _READ_IN_6 in names else None


@dataclass(frozen=True, kw_only=True)
class ParserObject(BootImage):
    """A parser object. `data` and `code` are places (offset, bytes) of the two arrays in the file,
    without the NUL that the symbols' sizes count. `dialect` is 6 or 7, None where it cannot be
    told; `hooked`: the object names the function that parsers attach to."""

    format: ClassVar[Format] = Format.PARSER
    about: ClassVar[str] = "parser program for kernels with CONFIG_KEXEC_BPF"
    recognised_by: ClassVar[str] = (
        "an ELF64 file without segments and with the symbols `opts_data` and `opts_insn`"
    )

    data: tuple[int, int]
    code: tuple[int, int]
    identity: ParserIdentity | None
    maps: tuple[ParserMap, ...]
    programs: tuple[ParserProgram, ...]
    dialect: int | None
    hooked: bool

    @classmethod
    def matches(cls, head: bytes) -> bool:
        return is_container(head)

    @classmethod
    def claims(cls, view: View) -> bool:
        sections = read_elf_sections(view)
        names = {symbol.name for symbol in read_elf_symbols(view, sections)}
        return bool(names & {DATA_SYMBOL, CODE_SYMBOL})

    @classmethod
    def parse(cls, view: View) -> Self:
        if view.size > LARGEST:
            raise ImageError(f"The parser object has {view.size} bytes, more than {LARGEST}")
        data, code = find_arrays(view)
        content = view.read(*data, DATA_SYMBOL)
        identity = ParserIdentity.find(content)
        return cls(
            file_size=view.size,
            architecture=None,
            data=data,
            code=code,
            identity=identity,
            maps=read_maps(content),
            programs=read_programs(content),
            dialect=read_dialect(content) if identity is None else identity.dialect,
            hooked=ANCHOR.encode() + b"\0" in content,
        )

    def facts(self) -> tuple[Fact, ...]:
        return describe_parser(self)


def find_arrays(view: View) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the places (offset, bytes) of opts_data and opts_insn in an object.

    Raises ImageError for anything that the kernel would not take: each symbol must be there once,
    global, and one byte larger than its array.
    """
    sections = read_elf_sections(view)
    found: dict[str, tuple[int, int]] = {}
    for symbol in read_elf_symbols(view, sections):
        if symbol.name not in (DATA_SYMBOL, CODE_SYMBOL):
            continue
        if symbol.name in found:
            raise ImageError(f"The parser has two symbols {symbol.name}")
        if not 0 < symbol.section <= len(sections):
            raise ImageError(f"The symbol {symbol.name} is in no section")
        section = sections[symbol.section - 1]
        count = symbol.size - 1
        if count <= 0 or symbol.value + count > section.size:
            raise ImageError(
                f"The symbol {symbol.name} of {symbol.size} bytes does not fit its section",
                offset=section.offset,
            )
        found[symbol.name] = (section.offset + symbol.value, count)
    for name in (DATA_SYMBOL, CODE_SYMBOL):
        if name not in found:
            raise ImageError(
                f"The parser has no global symbol {name}",
                hint="Build it with: warmboot bpf build.",
            )
    return found[DATA_SYMBOL], found[CODE_SYMBOL]


def describe_parser(parser: ParserObject) -> tuple[Fact, ...]:
    """Return the lines about a parser object."""
    own = parser.identity
    rings = [m.ring for m in parser.maps if m.ring is not None]
    return (
        Fact("Parser data", f"{size(parser.data[1])} (opts_data)"),
        Fact("Parser code", f"{size(parser.code[1])} (opts_insn)"),
        Fact("Parser made by", "another tool" if own is None else "warmboot"),
        Fact(
            "Parser dialect", "cannot be told" if parser.dialect is None else f"v{parser.dialect}"
        ),
        *(() if own is None else _describe_identity(own)),
        Fact("Parser maps", " ".join(m.name for m in parser.maps) or "none found"),
        Fact("Ring buffers", ", ".join(map(size, rings)) or "none found"),
    )


def _describe_identity(own: ParserIdentity) -> tuple[Fact, ...]:
    return (
        Fact("Parser for", own.kind),
        Fact("Parser record", f"{size(own.record_size)} ({own.record_size} bytes)"),
    )
