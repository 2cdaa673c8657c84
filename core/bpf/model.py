"""Our parsers as Python: what the program does with an image, without running it.

Same checks in the same order as the C source beside this file; a test compares the two on
generated and damaged images.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from warmboot.core.bpf.abi import HEADERS, Action, Command, Dialect, Kind, Target
from warmboot.core.bpf.outcome import Outcome, Refusal
from warmboot.core.errors import ImageError
from warmboot.core.images import View
from warmboot.core.images.sections import is_container, read_elf_sections

_HEADER = 64
_SMALLEST_PAYLOAD = 4
_FAIL_SAFE = bytes(8)
_MOST_SECTIONS = 96
_DONE = Command(Action.DONE, Target.NONE, b"")


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


def run(view: View, dialect: Dialect, kind: Kind, record_size: int) -> Outcome:
    """Return what the parser of this dialect and kind makes of the bytes it is given.

    `record_size` (bytes) is the parser's record, command header included. A refusal of a parser
    of the sixth revision comes with the command that ends the kernel's loop.
    """
    program = _PROGRAMS.get((dialect, kind))
    if program is None:
        raise ImageError(f"There is no parser of dialect {dialect} for {kind.name}")
    room = record_size - HEADERS[dialect].size
    try:
        return Outcome(program(view, room))
    except _Refused as refused:
        return Outcome(_fail_safe(dialect), refused.refusal)


def _fail_safe(dialect: Dialect) -> tuple[Command, ...]:
    """A v6 kernel loops until the image is replaced: eight zero bytes are no PE file."""
    if dialect is Dialect.V7:
        return ()
    return (Command(Action.COPY, Target.KERNEL, _FAIL_SAFE),)


def _find_zboot(view: View) -> tuple[int, int]:
    """Return offset and size of the exact compressed stream of a zboot image."""
    if view.size < _HEADER:
        raise _Refused(Refusal.TOO_SHORT)
    head = view.head(_HEADER)
    if head[:2] != b"MZ" or head[4:8] != b"zimg":
        raise _Refused(Refusal.NOT_ZBOOT)
    offset, size = struct.unpack_from("<II", head, 8)
    if offset < _HEADER or offset + size > view.size:
        raise _Refused(Refusal.OUTSIDE)
    return offset, size


def _read(view: View, offset: int, size: int, room: int) -> bytes:
    if size < _SMALLEST_PAYLOAD:
        raise _Refused(Refusal.TOO_SMALL)
    if size > room:
        raise _Refused(Refusal.TOO_LARGE)
    return view.read(offset, size, "payload")


def _sixth_zboot(view: View, room: int) -> tuple[Command, ...]:
    payload = _read(view, *_find_zboot(view), room)
    return (Command(Action.DECOMPRESS, Target.KERNEL, payload),)


def _sixth_copy(view: View, room: int) -> tuple[Command, ...]:
    """The image as it is, without its PE signature: what results must be no PE with .bpf."""
    image = bytearray(_read(view, 0, view.size, room))
    if view.size >= _HEADER:
        offset = struct.unpack_from("<I", image, 0x3C)[0]
        if offset + 4 <= view.size:
            image[offset : offset + 4] = bytes(4)
    return (Command(Action.COPY, Target.KERNEL, bytes(image)),)


def _seventh_zboot(view: View, room: int) -> tuple[Command, ...]:
    """A zboot in an envelope with its initrd and command line, or by itself."""
    parts = _parts(view)
    kernel = parts.get(".kernel")
    if kernel is None:
        raise _Refused(Refusal.NO_IMAGE)
    signed = Command(Action.VERIFY_SIG, Target.KERNEL, _whole(kernel, room))
    payload = Command(Action.DECOMPRESS, Target.KERNEL, _read(kernel, *_find_zboot(kernel), room))
    return (signed, payload, *_copies(parts, room), _DONE)


def _seventh_uki(view: View, room: int) -> tuple[Command, ...]:
    """A unified image in an envelope, or by itself; its kernel goes on to the next parser."""
    parts = _parts(view)
    image = parts.get(".uki", parts.get(".kernel"))
    if image is None:
        raise _Refused(Refusal.NO_IMAGE)
    sections = _pe_sections(image)
    if ".linux" not in sections:
        raise _Refused(Refusal.OUTSIDE)
    signed = Command(Action.VERIFY_SIG, Target.KERNEL, _whole(image, room))
    kernel = Command(Action.COPY, Target.KERNEL, _whole(sections[".linux"], room), fill=True)
    copies = _copies(sections, room)
    for number, command in enumerate(copies):
        if command.target is Target.CMDLINE:  # the kernel wants a NUL, unified images have none
            text = command.payload.split(b"\0", 1)[0] + b"\0"
            copies[number] = replace(command, payload=text)
    return (signed, kernel, *copies, _DONE)


def _pe_sections(view: View) -> dict[str, View]:
    """Return the sections of a PE file's base profile, by name, the first of each."""
    if view.size < _HEADER:
        raise _Refused(Refusal.TOO_SHORT)
    found: dict[str, View] = {}
    try:
        at = view.u32(0x3C, "PE header offset")
        if view.read(0, 2, "DOS header") != b"MZ" or view.read(at, 4, "PE header") != b"PE\0\0":
            raise _Refused(Refusal.NOT_ZBOOT)
        table = at + 24 + view.u16(at + 20, "optional header size")
        for number in range(min(view.u16(at + 6, "section count"), _MOST_SECTIONS)):
            raw = view.read(table + 40 * number, 40, "section table")
            name = raw[:8].rstrip(b"\0").decode("ascii", "replace")
            memory, _, size, offset = struct.unpack_from("<IIII", raw, 8)
            if name == ".profile":
                break
            if name in (".linux", ".initrd", ".cmdline"):
                found.setdefault(name, view.part(offset, min(size, memory or size), name))
    except ImageError as error:
        raise _Refused(Refusal.OUTSIDE) from error
    return found


def _parts(view: View) -> dict[str, View]:
    if not is_container(view.head(_HEADER)):
        return {".kernel": view}
    try:
        sections = read_elf_sections(view)
    except ImageError as error:
        raise _Refused(Refusal.OUTSIDE) from error
    return {s.name: view.part(s.offset, s.size, s.name) for s in sections}


def _copies(parts: dict[str, View], room: int) -> list[Command]:
    return [
        Command(Action.COPY, target, _whole(parts[name], room))
        for name, target in ((".initrd", Target.INITRD), (".cmdline", Target.CMDLINE))
        if name in parts
    ]


def _whole(view: View, room: int) -> bytes:
    if view.size > room:
        raise _Refused(Refusal.TOO_LARGE)
    return view.read(0, view.size, "section")


_PROGRAMS: dict[tuple[Dialect, Kind], Callable[[View, int], tuple[Command, ...]]] = {
    (Dialect.V6, Kind.ZBOOT): _sixth_zboot,
    (Dialect.V6, Kind.COPY): _sixth_copy,
    (Dialect.V7, Kind.ZBOOT): _seventh_zboot,
    (Dialect.V7, Kind.UKI): _seventh_uki,
}
