"""Dialect v7: parsers in one container, and in the initrd's place an envelope of all the rest.

The kernel keeps nothing of what a parser hands over that does not say DONE, so one that gives up
says nothing more.
"""

from __future__ import annotations

import struct
from contextlib import ExitStack

from warmboot.core.bpf.abi import Action, Command, Kind, Target
from warmboot.core.bpf.container import build_container, write_envelope
from warmboot.core.bpf.dialects.base import CallFiles, CallParts, DialectFacts
from warmboot.core.bpf.dialects.pieces import Pieces, Refused, check_sizes, find_zboot, read
from warmboot.core.bpf.refusal import Refusal
from warmboot.core.images import BootImage, View, elf64
from warmboot.core.images.bpfcontainer import Envelope
from warmboot.core.images.uki import Uki
from warmboot.core.payload.memfile import MemFile
from warmboot.core.values import replace

# What the program reads of a PE section: name, memory_size, size, offset.
_PE_SECTION = struct.Struct("<8sI4xII16x")


def _zboot(view: View, room: int) -> tuple[Command, ...]:
    """A zboot in an envelope with its initrd and command line, or by itself."""
    outer, pieces = _open(view)
    if pieces.addon[1]:
        raise Refused(Refusal.ADDON_ALONE)
    pieces.kernel, pieces.action = find_zboot(view, *outer), Action.DECOMPRESS
    return _commands(view, check_sizes(pieces, room))


def _inner(view: View, room: int) -> tuple[Command, ...]:
    """A zboot out of an image that was verified: it is not asked for a signature of its own."""
    outer, pieces = _open(view)
    pieces.verify = None
    if pieces.addon[1]:
        raise Refused(Refusal.ADDON_ALONE)
    pieces.kernel, pieces.action = find_zboot(view, *outer), Action.DECOMPRESS
    return _commands(view, check_sizes(pieces, room))


def _uki(view: View, room: int) -> tuple[Command, ...]:
    """A UKI: its sections, but initrd and command line of the envelope where it has them."""
    outer, pieces = _open(view)
    if pieces.addon[1] and not pieces.cmdline[1]:
        raise Refused(Refusal.ADDON_ALONE)
    _open_uki(view, outer, pieces)
    return _commands(view, check_sizes(pieces, room))


def _open(view: View) -> tuple[tuple[int, int], Pieces]:
    """Return where the signed PE file stands, and what the envelope around it holds."""
    pieces = Pieces()
    outer = (0, view.size)
    if read(view, 0, 4, Refusal.TOO_SHORT) == b"\x7fELF":
        outer = _open_elf(view, pieces)
    pieces.verify = outer
    return outer, pieces


def _open_elf(view: View, pieces: Pieces) -> tuple[int, int]:
    header = elf64.FileHeader.unpack(read(view, 0, elf64.HEADER_SIZE, Refusal.TOO_SHORT))
    kind, order = header.ident[4:6]
    table, entry = header.section_table, header.section_size
    count, names = header.section_count, header.names
    if (kind, order, entry) != (2, 1, elf64.SECTION_SIZE) or count > 16 or names >= count:
        raise Refused(Refusal.BAD_ELF)
    raw = read(view, table + names * entry, entry, Refusal.OUTSIDE)
    strings = elf64.SectionHeader.unpack(raw)
    outer = (0, 0)
    for number in range(1, count):
        raw = read(view, table + number * entry, entry, Refusal.OUTSIDE)
        row = elf64.SectionHeader.unpack(raw)
        offset, size = row.offset, row.size
        if row.name >= strings.size:
            raise Refused(Refusal.OUTSIDE)
        name = read(view, strings.offset + row.name, 8, Refusal.OUTSIDE).partition(b"\0")[0]
        if offset > view.size or size > view.size - offset:
            raise Refused(Refusal.OUTSIDE)
        if name in (b".kernel", b".uki"):
            outer = (offset, size)
        elif name == b".addon":
            pieces.addon = (offset, size)
        elif name == b".initrd":
            pieces.initrd = (offset, size)
        elif name == b".cmdline":
            pieces.cmdline = (offset, size)
    if not outer[1]:
        raise Refused(Refusal.NO_KERNEL)
    return outer


def _open_uki(view: View, outer: tuple[int, int], pieces: Pieces) -> None:
    base, limit = outer
    (pe,) = struct.unpack("<I", read(view, base + 60, 4, Refusal.TOO_SHORT))
    signature = read(view, base + pe, 4, Refusal.TOO_SHORT)
    counts = struct.unpack("<10H", read(view, base + pe + 4, 20, Refusal.TOO_SHORT))
    if signature != b"PE\0\0":
        raise Refused(Refusal.NOT_PE)
    table = base + pe + 24 + counts[8]
    for number in range(min(counts[1], 48)):
        raw = read(view, table + number * _PE_SECTION.size, _PE_SECTION.size, Refusal.OUTSIDE)
        name, memory, size, offset = _PE_SECTION.unpack(raw)
        if name == b".profile":
            break
        size = min(memory, size)
        if offset > limit or size > limit - offset:
            raise Refused(Refusal.OUTSIDE)
        if name == b".linux\0\0":
            pieces.kernel = (base + offset, size)
        elif name == b".initrd\0" and not pieces.initrd[1]:
            pieces.initrd = (base + offset, size)
        elif name == b".cmdline" and not pieces.cmdline[1]:
            pieces.cmdline = (base + offset, size)
            pieces.nul = True
    if not pieces.kernel[1]:
        raise Refused(Refusal.NO_KERNEL)
    start = pieces.kernel[0]
    pieces.fill = start + 8 <= view.size and view.read(start + 4, 4, "kernel") == b"zimg"


def _commands(view: View, pieces: Pieces) -> tuple[Command, ...]:
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


def _build(parts: CallParts) -> CallFiles:
    with ExitStack() as held:
        container = held.enter_context(MemFile("warmboot-parsers"))
        inner = build_container(parts.nested) if parts.nested else None
        container.write(build_container(parts.parsers, inner))
        container.seal()
        images = held.enter_context(MemFile("warmboot-envelope"))
        write_envelope(
            parts.view,
            images.write,
            initrd=parts.initrd,
            addon=parts.addon,
            cmdline=parts.cmdline,
            uki=isinstance(parts.image, Uki),
            cancel=parts.cancel,
        )
        Envelope.parse(images.view())
        images.seal()
        held.pop_all()
        return CallFiles(container, images)


def _largest(image: BootImage, kernel: int, initrd: int) -> int:
    """The whole signed file is put before the kernel's verification; the initrd is copied."""
    return max(image.file_size, kernel, initrd)


FACTS = DialectFacts(
    number=7,
    actions={
        Action.DONE: 0x1,
        Action.DECOMPRESS: 0x2,
        Action.COPY: 0x3,
        Action.VERIFY_SIG: 0x4,
    },
    fields=("cmd", "subcmd", "pipeline_flag", "payload_len", "num_chunks"),
    header=struct.Struct("<HBBIH"),
    context_member="parsing_buf",
    programs={Kind.ZBOOT: _zboot, Kind.UKI: _uki, Kind.INNER: _inner},
    refused=(),
    most_commands=6,
    whole=True,
    build=_build,
    largest=_largest,
)
