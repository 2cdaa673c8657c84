"""Writers of the two ELF containers that the interface's seventh revision wants."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from warmboot.core.bpf.envelope import read_pieces
from warmboot.core.bpf.layout import align
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, View
from warmboot.core.images.bpfcontainer import (
    MOST_PARSERS,
    NAMES,
    NESTED,
    ParserContainer,
)
from warmboot.core.progress import Cancel

Write = Callable[[bytes | bytearray | memoryview], None]

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_IDENT = b"\x7fELF\x02\x01\x01"
_RELOCATABLE, _PROGBITS, _STRTAB = 1, 1, 3
_ALIGNMENT = 16


def build_container(parsers: Sequence[bytes], nested: bytes | None = None) -> bytes:
    """Return a container of parser objects, tried in this order; `nested` is one more container.

    Raises ImageError where there are none, more than eight, or one is no parser object.
    """
    if not 0 < len(parsers) <= MOST_PARSERS:
        raise ImageError(f"{len(parsers)} parsers; a container holds 1 to {MOST_PARSERS}")
    sections = [(f".bpf.{n}", BytesView(parser)) for n, parser in enumerate(parsers, 1)]
    if nested is not None:
        sections.append((NESTED, BytesView(nested)))
    out = bytearray()
    _write(sections, out.extend, None)
    ParserContainer.parse(BytesView(bytes(out)))
    return bytes(out)


def write_envelope(
    kernel: View,
    write: Write,
    *,
    initrd: View | None = None,
    cmdline: str | None = None,
    addon: View | None = None,
    uki: bool = False,
    cancel: Cancel | None = None,
) -> int:
    """Write an envelope around images, byte for byte, front to back; return its size.

    `uki` says that `kernel` is a unified kernel image. Raises ImageError where the command line
    holds a NUL, Cancelled, and what `write` raises.
    """
    sections: list[tuple[str, View]] = [(".uki" if uki else ".kernel", kernel)]
    if addon is not None:
        sections.append((".addon", addon))
    if initrd is not None:
        sections.append((".initrd", initrd))
    if cmdline is not None:
        raw = cmdline.encode("utf-8", "surrogateescape")
        if b"\0" in raw:
            raise ImageError("A command line cannot hold a NUL")
        sections.append((".cmdline", BytesView(raw + b"\0")))
    return _write(sections, write, cancel)


def _write(sections: Sequence[tuple[str, View]], write: Write, cancel: Cancel | None) -> int:
    """Write an ELF64 relocatable file with these sections, each as long as its content."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name, _ in sections) + NAMES.encode() + b"\0"
    contents: list[tuple[str, View]] = [*sections, (NAMES, BytesView(names))]
    rows = [bytes(_SECTION.size)]
    position = _HEADER.size
    for name, view in contents:
        position = align(position, _ALIGNMENT)
        kind = _STRTAB if name == NAMES else _PROGBITS
        at = names.index(b"\0" + name.encode() + b"\0") + 1
        rows.append(_SECTION.pack(at, kind, 0, 0, position, view.size, 0, 0, 1, 0))
        position += view.size
    table = align(position, 8)
    header = _HEADER.pack(
        _IDENT, _RELOCATABLE, 0, 1, 0, 0, table, 0,
        _HEADER.size, 0, 0, _SECTION.size, len(rows), len(rows) - 1,
    )  # fmt: skip
    write(header)
    position = len(header)
    for _, view in contents:
        write(bytes(-position % _ALIGNMENT))
        for piece in read_pieces(view, 0, view.size, cancel):
            write(piece)
        position = align(position, _ALIGNMENT) + view.size
    write(bytes(table - position) + b"".join(rows))
    return table + _SECTION.size * len(rows)
