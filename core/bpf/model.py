"""Our parsers as Python: what the program does with an image, without running it.

Same checks in the same order as the C source beside this file; a test compares the two on
generated and damaged images.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from warmboot.core.bpf.abi import HEADERS, Action, Command, Dialect, Kind, Target
from warmboot.core.bpf.refusal import Outcome, Refusal
from warmboot.core.errors import ImageError
from warmboot.core.images import View

_HEADER = 64
_SMALLEST_PAYLOAD = 4
_FAIL_SAFE = bytes(8)
_MASK = (1 << 64) - 1
_MZ = 0x5A4D
# What the program reads of its structures: class, order, sections, section_size, section_count,
# names; name, offset, size; name, memory_size, size, offset.
_ELF = struct.Struct("<4xBB10x24xQ10xHHH")
_ELF_SECTION = struct.Struct("<I20xQQ24x")
_PE_SECTION = struct.Struct("<8sI4xII16x")


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


@dataclass(slots=True)
class _Pieces:
    """Offsets and sizes of what an image gives; None or 0 bytes where it gives none."""

    verify: tuple[int, int] | None = None
    addon: tuple[int, int] = (0, 0)
    kernel: tuple[int, int] = (0, 0)
    initrd: tuple[int, int] = (0, 0)
    cmdline: tuple[int, int] = (0, 0)
    action: Action = Action.COPY
    fill: bool = False
    nul: bool = False


def _read(view: View, offset: int, size: int, otherwise: Refusal) -> bytes:
    """Return bytes of the image; addresses wrap as the program's do."""
    offset &= _MASK
    if offset > view.size or size > view.size - offset:
        raise _Refused(otherwise)
    return view.read(offset, size, "image")


def _find_zboot(view: View, base: int, size: int) -> tuple[int, int]:
    """Return offset and size of the exact compressed stream of a zboot image."""
    if size < _HEADER:
        raise _Refused(Refusal.TOO_SHORT)
    head = _read(view, base, 16, Refusal.UNREADABLE)
    magic, zimg, offset, count = struct.unpack("<H2x4sII", head)
    if magic != _MZ or zimg != b"zimg":
        raise _Refused(Refusal.NOT_ZBOOT)
    if offset < _HEADER or offset > size or count > size - offset:
        raise _Refused(Refusal.OUTSIDE)
    return base + offset, count


def _check(pieces: _Pieces, room: int) -> _Pieces:
    if pieces.kernel[1] < _SMALLEST_PAYLOAD:
        raise _Refused(Refusal.TOO_SMALL)
    found = (pieces.verify, pieces.addon, pieces.kernel, pieces.initrd)
    too_large = any(piece is not None and piece[1] > room for piece in found)
    if too_large or pieces.cmdline[1] + pieces.nul > room:
        raise _Refused(Refusal.TOO_LARGE)
    return pieces


def _sixth_zboot(view: View, room: int) -> tuple[Command, ...]:
    pieces = _check(_Pieces(kernel=_find_zboot(view, 0, view.size)), room)
    payload = view.read(*pieces.kernel, "payload")
    return (Command(Action.DECOMPRESS, Target.KERNEL, payload),)


def _sixth_copy(view: View, room: int) -> tuple[Command, ...]:
    """The image as it is, without its PE signature: what results must be no PE with .bpf."""
    _check(_Pieces(kernel=(0, view.size)), room)
    image = bytearray(view.read(0, view.size, "image"))
    if view.size >= _HEADER:
        offset = struct.unpack_from("<I", image, 0x3C)[0]
        if offset + 4 <= view.size:
            image[offset : offset + 4] = bytes(4)
    return (Command(Action.COPY, Target.KERNEL, bytes(image)),)


def _seventh_zboot(view: View, room: int) -> tuple[Command, ...]:
    """A zboot in an envelope with its initrd and command line, or by itself."""
    outer, pieces = _open(view)
    if pieces.addon[1]:
        raise _Refused(Refusal.ADDON_ALONE)
    pieces.kernel, pieces.action = _find_zboot(view, *outer), Action.DECOMPRESS
    return _commands(view, _check(pieces, room))


def _seventh_uki(view: View, room: int) -> tuple[Command, ...]:
    """A UKI: its sections, but initrd and command line of the envelope where it has them."""
    outer, pieces = _open(view)
    if pieces.addon[1] and not pieces.cmdline[1]:
        raise _Refused(Refusal.ADDON_ALONE)
    _open_uki(view, outer, pieces)
    return _commands(view, _check(pieces, room))


def _open(view: View) -> tuple[tuple[int, int], _Pieces]:
    """Return where the signed PE file stands, and what the envelope around it holds."""
    pieces = _Pieces()
    outer = (0, view.size)
    if _read(view, 0, 4, Refusal.TOO_SHORT) == b"\x7fELF":
        outer = _open_elf(view, pieces)
    pieces.verify = outer
    return outer, pieces


def _open_elf(view: View, pieces: _Pieces) -> tuple[int, int]:
    head = _read(view, 0, _ELF.size, Refusal.TOO_SHORT)
    kind, order, table, entry, count, names = _ELF.unpack(head)
    if (kind, order, entry) != (2, 1, _ELF_SECTION.size) or count > 16 or names >= count:
        raise _Refused(Refusal.BAD_ELF)
    raw = _read(view, table + names * entry, entry, Refusal.OUTSIDE)
    _, strings, length = _ELF_SECTION.unpack(raw)
    outer = (0, 0)
    for number in range(1, count):
        raw = _read(view, table + number * entry, entry, Refusal.OUTSIDE)
        at, offset, size = _ELF_SECTION.unpack(raw)
        if at >= length:
            raise _Refused(Refusal.OUTSIDE)
        name = _read(view, strings + at, 8, Refusal.OUTSIDE).partition(b"\0")[0]
        if offset > view.size or size > view.size - offset:
            raise _Refused(Refusal.OUTSIDE)
        if name in (b".kernel", b".uki"):
            outer = (offset, size)
        elif name == b".addon":
            pieces.addon = (offset, size)
        elif name == b".initrd":
            pieces.initrd = (offset, size)
        elif name == b".cmdline":
            pieces.cmdline = (offset, size)
    if not outer[1]:
        raise _Refused(Refusal.NO_KERNEL)
    return outer


def _open_uki(view: View, outer: tuple[int, int], pieces: _Pieces) -> None:
    base, limit = outer
    (pe,) = struct.unpack("<I", _read(view, base + 60, 4, Refusal.TOO_SHORT))
    signature = _read(view, base + pe, 4, Refusal.TOO_SHORT)
    counts = struct.unpack("<10H", _read(view, base + pe + 4, 20, Refusal.TOO_SHORT))
    if signature != b"PE\0\0":
        raise _Refused(Refusal.NOT_PE)
    table = base + pe + 24 + counts[8]
    for number in range(min(counts[1], 48)):
        raw = _read(view, table + number * _PE_SECTION.size, _PE_SECTION.size, Refusal.OUTSIDE)
        name, memory, size, offset = _PE_SECTION.unpack(raw)
        if name == b".profile":
            break
        size = min(memory, size)
        if offset > limit or size > limit - offset:
            raise _Refused(Refusal.OUTSIDE)
        if name == b".linux\0\0":
            pieces.kernel = (base + offset, size)
        elif name == b".initrd\0" and not pieces.initrd[1]:
            pieces.initrd = (base + offset, size)
        elif name == b".cmdline" and not pieces.cmdline[1]:
            pieces.cmdline = (base + offset, size)
            pieces.nul = True
    if not pieces.kernel[1]:
        raise _Refused(Refusal.NO_KERNEL)
    start = pieces.kernel[0]
    pieces.fill = start + 8 <= view.size and view.read(start + 4, 4, "kernel") == b"zimg"


def _commands(view: View, pieces: _Pieces) -> tuple[Command, ...]:
    found = (
        (Action.VERIFY_SIG, Target.KERNEL, pieces.verify or (0, 0), False),
        (Action.VERIFY_SIG, Target.KERNEL, pieces.addon, False),
        (pieces.action, Target.KERNEL, pieces.kernel, pieces.fill),
        (Action.COPY, Target.INITRD, pieces.initrd, False),
        (Action.COPY, Target.CMDLINE, pieces.cmdline, False),
    )
    given = [
        Command(action, target, view.read(*piece, "piece"), fill)
        for action, target, piece, fill in found
        if piece[1]
    ]
    if pieces.nul and given[-1].target is Target.CMDLINE:
        given[-1] = replace(given[-1], payload=given[-1].payload + b"\0")
    return (*given, Command(Action.DONE, Target.NONE, b""))


_PROGRAMS: dict[tuple[Dialect, Kind], Callable[[View, int], tuple[Command, ...]]] = {
    (Dialect.V6, Kind.ZBOOT): _sixth_zboot,
    (Dialect.V6, Kind.COPY): _sixth_copy,
    (Dialect.V7, Kind.ZBOOT): _seventh_zboot,
    (Dialect.V7, Kind.UKI): _seventh_uki,
}
