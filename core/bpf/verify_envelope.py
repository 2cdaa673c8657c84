"""The proof that a file with a parser in it is still the same boot image.

Everything that the interface's description does not name as changed is compared, byte for byte.
"""

from __future__ import annotations

import struct

from warmboot.core.bpf.abi import SECTION
from warmboot.core.bpf.envelope import Checksum, read_pieces
from warmboot.core.bpf.pe_layout import READABLE, SectionHeader, align, is_padding, read_sections
from warmboot.core.errors import ImageError
from warmboot.core.images import View, pe
from warmboot.core.progress import Cancel

_NAME = SECTION.encode().ljust(8, b"\0")
_HINT = "Report this as a bug. Nothing was put in the place of your file."


def check_unchanged(
    original: View, result: View, parser: bytes, *, cancel: Cancel | None = None
) -> None:
    """Raise ImageError where `result` is not `original` with `parser` in its `.bpf` section.

    May differ: payload_offset of the zboot header, the number of sections, the symbol table's
    place, SizeOfImage, SizeOfHeaders, CheckSum, the certificate table's entry, and PointerToRawData
    by the same number of bytes for all sections.
    """
    old, new = pe.parse_headers(original), pe.parse_headers(result)
    _same_headers(original, result, old, new)
    sections = [s for s in read_sections(original, old) if s.name != _NAME]
    now = list(read_sections(result, new))
    if [s.name for s in now[:-1]] != [s.name for s in sections] or now[-1].name != _NAME:
        raise _differs("the section table")
    filled = [s for s in sections if s.raw_size]
    moved = next(iter(s.raw_offset for s in now if s.raw_size)) - filled[0].raw_offset
    for before, after in zip(sections, now, strict=False):
        if after.raw != before.moved(moved):
            raise _differs("an entry of the section table")
    _same_slack(original, result, old, new, (min(s.raw_offset for s in filled), moved))
    for section in filled:
        offset = section.raw_offset
        _same(original, result, offset, offset + moved, section.raw_size, "a section", cancel)
    _check_payload(original, result, moved)
    _check_parser(result, new, now, parser)
    _same_tail(original, result, old, align(now[-1].raw_end, new.file_alignment), cancel)
    _check_sum(result, new, cancel)


def _same_headers(original: View, result: View, old: pe.PeHeaders, new: pe.PeHeaders) -> None:
    """Compare all headers, fields that may change set to 0 on both sides."""
    if old.offset != new.offset:
        raise _differs("the place of the PE header")

    def fixed(view: View, headers: pe.PeHeaders) -> bytes:
        end = headers.headers_end - 40 * len(headers.sections)
        head = bytearray(view.read(0, end, "PE headers"))
        if head[4:8] == b"zimg":
            head[8:12] = bytes(4)
        head[headers.offset + 6 : headers.offset + 8] = bytes(2)
        head[headers.offset + 12 : headers.offset + 16] = bytes(4)
        optional = headers.offset + 24
        head[optional + 56 : optional + 68] = bytes(12)
        if headers.certificate_entry + 8 <= end:
            head[headers.certificate_entry : headers.certificate_entry + 8] = bytes(8)
        return bytes(head)

    if fixed(original, old) != fixed(result, new):
        raise _differs("the headers")
    if new.certificates != (0, 0):
        raise _differs("the certificate table")


def _same_slack(
    original: View, result: View, old: pe.PeHeaders, new: pe.PeHeaders, first: tuple[int, int]
) -> None:
    """Compare what stands between the section table and the first section's content."""
    offset, moved = first
    count = offset + moved - new.headers_end
    before = original.read(old.headers_end, offset - old.headers_end, "header")
    after = result.read(new.headers_end, count, "header")
    grown = max(0, new.headers_end - old.headers_end)
    if not is_padding(before[:grown]) or before[grown:].rstrip(b"\0") != after.rstrip(b"\0"):
        raise _differs("what stands behind the section table")


def _same_tail(
    original: View, result: View, old: pe.PeHeaders, start: int, cancel: Cancel | None
) -> None:
    """Compare what stands behind the sections; padding and an older parser may be gone."""
    size = max(0, result.size - start)
    table, signed = old.certificates
    end = table if signed else original.size
    last = max(s.raw_end for s in read_sections(original, old))
    _same(original, result, end - size, start, size, "what stands behind the sections", cancel)
    for piece in read_pieces(original, last, max(0, end - size - last), cancel):
        if bytes(piece).strip(b"\0"):
            raise _differs("what stands behind the sections")


def _same(
    original: View, result: View, old: int, new: int, size: int, what: str, cancel: Cancel | None
) -> None:
    for piece in read_pieces(original, old, size, cancel):
        if result.read(new, len(piece), what) != piece:
            raise _differs(what)
        new += len(piece)


def _check_payload(original: View, result: View, moved: int) -> None:
    if original.head(8)[4:8] == b"zimg":
        before = original.u32(8, "payload offset")
        if result.u32(8, "payload offset") != before + moved:
            raise _differs("the payload's place")


def _check_parser(
    result: View, new: pe.PeHeaders, sections: list[SectionHeader], parser: bytes
) -> None:
    own, others = sections[-1], sections[:-1]
    if (own.virtual_size, own.raw_size) != (len(parser), len(parser)):
        raise _differs("the parser's size")
    if result.read(own.raw_offset, own.raw_size, "parser") != parser:
        raise _differs("the parser")
    characteristics = struct.unpack_from("<I", own.raw, 36)[0]
    apart = own.raw_offset >= max(s.raw_end for s in others)
    address = align(max(s.memory_end for s in others), new.section_alignment)
    if characteristics != READABLE or not apart or own.virtual_address != address:
        raise _differs("the parser's section")
    if own.raw_offset % new.file_alignment or new.size_of_image < own.memory_end:
        raise _differs("the parser's section")


def _check_sum(result: View, new: pe.PeHeaders, cancel: Cancel | None) -> None:
    position = new.offset + 24 + 64
    checksum = Checksum()
    for piece in read_pieces(result, 0, position, cancel):
        checksum.feed(piece)
    checksum.feed(bytes(4))
    for piece in read_pieces(result, position + 4, result.size - position - 4, cancel):
        checksum.feed(piece)
    if checksum.value != result.u32(position, "checksum"):
        raise _differs("the checksum")


def _differs(what: str) -> ImageError:
    return ImageError(f"The file with the parser differs from the original: {what}", hint=_HINT)
