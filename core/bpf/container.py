"""Writers of the two ELF containers that the interface's dialect v7 wants."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.bpf.elf_writer import Section, Write, write_elf
from warmboot.core.errors import ImageError
from warmboot.core.images import BytesView, View
from warmboot.core.images.bpfcontainer import (
    MOST_PARSERS,
    NESTED,
    ParserContainer,
)
from warmboot.core.progress import Cancel


def build_container(parsers: Sequence[bytes], nested: bytes | None = None) -> bytes:
    """Return a container of parser objects, tried in this order; `nested` is one more container.

    Raises ImageError where there are none, more than eight, or one is no parser object.
    """
    if not 0 < len(parsers) <= MOST_PARSERS:
        raise ImageError(f"{len(parsers)} parsers; a container holds 1 to {MOST_PARSERS}")
    sections = [Section(f".bpf.{n}", BytesView(parser)) for n, parser in enumerate(parsers, 1)]
    if nested is not None:
        sections.append(Section(NESTED, BytesView(nested)))
    out = bytearray()
    write_elf(sections, out.extend)
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
    sections = [Section(".uki" if uki else ".kernel", kernel)]
    if addon is not None:
        sections.append(Section(".addon", addon))
    if initrd is not None:
        sections.append(Section(".initrd", initrd))
    if cmdline is not None:
        raw = cmdline.encode("utf-8", "surrogateescape")
        if b"\0" in raw:
            raise ImageError("A command line cannot hold a NUL")
        sections.append(Section(".cmdline", BytesView(raw + b"\0")))
    return write_elf(sections, write, cancel=cancel)
