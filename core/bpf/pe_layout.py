"""Where everything goes in a PE file that gains a `.bpf` section.

Source: Microsoft PE format specification; the layout is that of the kernel's zboot image builder.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from warmboot.core.bpf.abi import SECTION
from warmboot.core.errors import ImageError
from warmboot.core.expression import expression
from warmboot.core.images import View, pe
from warmboot.core.images.rawimage import RawImage
from warmboot.core.values import dataclass

#: Characteristics of the section: readable data.
READABLE = 0x40000000

_NAME = SECTION.encode().ljust(8, b"\0")
_HEADER = struct.Struct("<8sIIIIIIHHI")
_DEBUG = 6  # index among the data directories; its entries hold file offsets
_MAX_SECTIONS = 96
_MAX_HEADERS = 1 << 20
_LARGEST = 0xFFFFFFFF
_CHUNK = 1 << 16
# Zeros; the no-ops of arm64, of riscv (with its short form) and loongarch; those of x86.
_PADDING = expression(
    rb"\0*|(?:\x1f\x20\x03\xd5)*|(?:\x13\0\0\0|\x01\0)*|(?:\0\0\x40\x03)*|\x90*|\xcc*"
)


@dataclass(frozen=True)
class SectionHeader:
    """One entry of the section table as it stands in the file; offsets and sizes in bytes."""

    raw: bytes
    name: bytes
    virtual_size: int
    virtual_address: int
    raw_size: int
    raw_offset: int

    @classmethod
    def parse(cls, raw: bytes) -> SectionHeader:
        """Read the 40 bytes of an entry."""
        name, virtual_size, address, size, offset, *_ = _HEADER.unpack(raw)
        return cls(raw, name, virtual_size, address, size, offset if size else 0)

    @property
    def raw_end(self) -> int:
        """Where its content ends in the file."""
        return self.raw_offset + self.raw_size

    @property
    def memory_end(self) -> int:
        """Where it ends in memory."""
        return self.virtual_address + (self.virtual_size or self.raw_size)

    def moved(self, delta: int) -> bytes:
        """Return the entry with its content `delta` bytes further back in the file."""
        if not self.raw_size:
            return self.raw
        return self.raw[:20] + struct.pack("<I", self.raw_offset + delta) + self.raw[24:]


@dataclass(frozen=True)
class Piece:
    """`size` bytes of the old file, from `old` to `new`."""

    old: int
    new: int
    size: int


@dataclass(frozen=True)
class Layout:
    """The new file: `head` first (checksum 0), then `pieces` and the parser, zeros between them.

    `moved` is by how many bytes section contents moved, `checksum` where the checksum stands,
    `trailing` the bytes that stood behind the last section and still do, `certificates` and
    `replaced` the bytes of the certificate table and of an older parser, both left out. All
    other numbers are file offsets and sizes.
    """

    head: bytes
    checksum: int
    pieces: tuple[Piece, ...]
    parser_offset: int
    parser_address: int
    size: int
    moved: int
    trailing: int
    certificates: int
    replaced: int
    payload_offset: int | None


@dataclass(frozen=True)
class _Source:
    """The old file: its headers, its sections apart from an older parser, what is behind them."""

    view: View
    headers: pe.PeHeaders
    table: int
    kept: tuple[SectionHeader, ...]
    parsers: tuple[SectionHeader, ...]
    first: int
    last: int
    end: int
    tail: int


def align(value: int, boundary: int) -> int:
    """Return `value` rounded up to a multiple of `boundary`."""
    return -(-value // boundary) * boundary


def read_sections(view: View, headers: pe.PeHeaders) -> tuple[SectionHeader, ...]:
    """Return the section table of a PE file whose headers are sound."""
    start = headers.headers_end - 40 * len(headers.sections)
    raw = view.read(start, 40 * len(headers.sections), "section table")
    return tuple(SectionHeader.parse(raw[at : at + 40]) for at in range(0, len(raw), 40))


def plan_layout(view: View, parser_size: int, *, replace: bool = False) -> Layout:
    """Lay out the file in `view` with a parser of `parser_size` bytes in it.

    Raises ImageError where the file is no PE, carries a parser already (unless `replace`), or
    cannot take another section without harm.
    """
    source = _read(view, replace)
    headers, alignment = source.headers, source.headers.file_alignment
    table_end = source.table + 40 * (len(source.kept) + 1)
    moved = max(0, align(align(table_end, alignment) - source.first, alignment))
    _check_room(source, table_end, moved)
    offset = align(source.last + moved, alignment)
    address = align(max(s.memory_end for s in source.kept), headers.section_alignment)
    image_size = align(address + parser_size, headers.section_alignment)
    end = offset + parser_size  # no padding: signing tools would warn of data in no section
    pieces = [Piece(source.first, source.first + moved, source.last - source.first)]
    if source.end > source.tail:
        end = align(end, alignment)
        pieces.append(Piece(source.tail, end, source.end - source.tail))
        end += source.end - source.tail
    if max(image_size, end) > _LARGEST:
        raise ImageError("The file would be larger than a PE file can be")
    payload = _payload_offset(source, moved)
    if not source.parsers:
        image_size = max(image_size, headers.size_of_image)
    head = _head(source, pieces, moved, image_size, payload)
    entry = _HEADER.pack(_NAME, parser_size, address, parser_size, offset, 0, 0, 0, 0, READABLE)
    head[source.table + 40 * len(source.kept) : table_end] = entry
    return Layout(
        head=bytes(head),
        checksum=headers.offset + 24 + 64,
        pieces=tuple(pieces),
        parser_offset=offset,
        parser_address=address,
        size=end,
        moved=moved,
        trailing=source.end - source.tail,
        certificates=headers.certificates[1],
        replaced=sum(s.raw_size for s in source.parsers),
        payload_offset=payload,
    )


def _read(view: View, replace: bool) -> _Source:
    headers = pe.parse_headers(view)
    for name, value in (
        ("FileAlignment", headers.file_alignment),
        ("SectionAlignment", headers.section_alignment),
    ):
        if not 0 < value <= 1 << 24 or value & (value - 1):
            raise ImageError(f"{name} is {value:#x}, which is not a power of two", offset=0x3C)
    sections = read_sections(view, headers)
    parsers = tuple(s for s in sections if s.name == _NAME)
    kept = tuple(s for s in sections if s.name != _NAME)
    if parsers and not replace:
        raise ImageError(
            "The file carries a parser in .bpf already",
            hint="Use it as it is, or put another one in its place with --replace.",
        )
    filled = [s for s in kept if s.raw_size]
    if not filled:
        raise ImageError("The PE file has no section with content, so it is not a boot image")
    first = min(s.raw_offset for s in filled)
    last = max(s.raw_end for s in filled)
    table = headers.headers_end - 40 * len(sections)
    if not headers.headers_end <= first <= _MAX_HEADERS or last > view.size:
        raise ImageError("A section's content overlaps the headers, or is not in the file")
    if any(s.raw_offset < last for s in parsers if s.raw_size):
        raise ImageError(
            "The parser in .bpf stands between other sections, so it cannot be taken out",
            hint="Start again from the image as it was before a parser was added.",
        )
    end, tail = _tail(view, headers, max((last, *(s.raw_end for s in parsers))))
    return _Source(view, headers, table, kept, parsers, first, last, end, tail)


def _tail(view: View, headers: pe.PeHeaders, last: int) -> tuple[int, int]:
    """Return end and start of what stands behind the sections and is neither padding nor
    certificate table."""
    table, size = headers.certificates
    end = view.size
    if size:
        if table < last or table + size > end or end - (table + size) >= 8:
            raise ImageError(
                "The certificate table is not at the end of the file",
                offset=headers.certificate_entry,
                hint="The file was signed by a tool that warmboot does not know. "
                "Start from the unsigned image.",
            )
        end = table
    if end < last:
        raise ImageError("A section's content ends behind the file")
    start = min(align(last, headers.file_alignment), end)
    if not _is_zero(view, last, start):
        return end, last
    if end - start < headers.file_alignment and _is_zero(view, start, end):
        return end, end
    return end, start


def _check_room(source: _Source, table_end: int, moved: int) -> None:
    """Raise ImageError where one more table entry would harm something."""
    if len(source.kept) + 1 > _MAX_SECTIONS:
        raise ImageError(f"The file has {len(source.kept)} sections, the most that PE allows")
    old_end = source.headers.headers_end
    room = min(table_end, source.first) - old_end
    if not is_padding(source.view.read(old_end, max(0, room), "header")):
        raise ImageError(
            "Behind the section table stands data that a further section would overwrite",
            offset=old_end,
        )
    if not moved:
        return
    if RawImage.matches(source.view.head(4096)) or _directory(source, _DEBUG):
        raise ImageError(
            "The section table cannot grow, and this file's content must stay where it is",
            hint="Build the image with larger headers (SizeOfHeaders).",
        )


def is_padding(data: bytes) -> bool:
    """Whether bytes are what linkers fill room with: zeros, or instructions that do nothing."""
    return _PADDING.fullmatch(data) is not None


def _payload_offset(source: _Source, moved: int) -> int | None:
    """Return the new payload_offset of a zboot image; None for other PE files."""
    head = source.view.head(0x40)
    if head[4:8] != b"zimg":
        return None
    offset, size = struct.unpack_from("<II", head, 8)
    for section in source.kept:
        if section.raw_offset <= offset and offset + size <= section.raw_end:
            return int(offset + moved)
    raise ImageError(
        f"The payload of {size} bytes at {offset:#x} lies in no section",
        offset=8,
        hint="The zboot header is damaged. Install the image again.",
    )


def _head(
    source: _Source, pieces: Sequence[Piece], moved: int, image_size: int, payload: int | None
) -> bytearray:
    """Return everything in front of the first section's content, without the new entry."""
    headers, view = source.headers, source.view
    head = bytearray(view.read(0, source.first, "PE headers"))
    end = source.table + 40 * (len(source.kept) + 1)
    head[source.table : headers.headers_end] = bytes(headers.headers_end - source.table)
    head += bytes(moved)
    for index, section in enumerate(source.kept):
        at = source.table + 40 * index
        head[at : at + 40] = section.moved(moved)
    if payload is not None:
        struct.pack_into("<I", head, 8, payload)
    optional = headers.offset + 24
    struct.pack_into("<H", head, headers.offset + 6, len(source.kept) + 1)
    size = max(headers.size_of_headers + moved, align(end, headers.file_alignment))
    if headers.size_of_headers < size > min(s.virtual_address for s in source.kept):
        raise ImageError(
            "The section table cannot grow: in memory the first section follows the headers",
            hint="Build the image with larger headers (SizeOfHeaders).",
        )
    struct.pack_into("<III", head, optional + 56, image_size, size, 0)
    if headers.certificates != (0, 0):
        struct.pack_into("<II", head, headers.certificate_entry, 0, 0)
    symbols = view.u32(headers.offset + 12, "symbol table")
    if symbols:
        struct.pack_into("<I", head, headers.offset + 12, _moved(symbols, pieces))
    return head


def _moved(offset: int, pieces: Sequence[Piece]) -> int:
    for piece in pieces:
        if piece.old <= offset < piece.old + piece.size:
            return offset - piece.old + piece.new
    raise ImageError(
        f"The symbol table at {offset:#x} is not in the file",
        hint="Strip the image of its symbols (strip), then try again.",
    )


def _directory(source: _Source, index: int) -> int:
    """Return the size field of a data directory, 0 where the header has none."""
    at = source.headers.certificate_entry + 8 * (index - 4)
    if at + 8 > source.table:
        return 0
    return source.view.u32(at + 4, "data directory")


def _is_zero(view: View, start: int, end: int) -> bool:
    while start < end:
        chunk = view.read(start, min(_CHUNK, end - start), "padding")
        if chunk.strip(b"\0"):
            return False
        start += len(chunk)
    return True
