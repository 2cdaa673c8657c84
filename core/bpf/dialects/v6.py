"""Dialect v6: one PE file that carries its parser; initrd and command line go into the call.

The kernel parses again and again until its buffer is no PE file with a parser any more, so a
parser that gives up hands over eight zero bytes.
"""

from __future__ import annotations

import struct
from contextlib import ExitStack

from warmboot.core.bpf.abi import Action, Command, Kind, Target
from warmboot.core.bpf.dialects.base import CallFiles, CallParts, DialectFacts
from warmboot.core.bpf.dialects.pieces import ZBOOT_HEADER, Pieces, check_sizes, find_zboot
from warmboot.core.bpf.envelope import envelope
from warmboot.core.bpf.verify_envelope import check_unchanged
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage, View
from warmboot.core.payload.memfile import MemFile


def _zboot(view: View, room: int) -> tuple[Command, ...]:
    pieces = check_sizes(Pieces(kernel=find_zboot(view, 0, view.size)), room)
    payload = view.read(*pieces.kernel, "payload")
    return (Command(Action.DECOMPRESS, Target.KERNEL, payload),)


def _copy(view: View, room: int) -> tuple[Command, ...]:
    """The image as it is, without its PE signature: what results must be no PE with .bpf."""
    check_sizes(Pieces(kernel=(0, view.size)), room)
    image = bytearray(view.read(0, view.size, "image"))
    if view.size >= ZBOOT_HEADER:
        offset = struct.unpack_from("<I", image, 0x3C)[0]
        if offset + 4 <= view.size:
            image[offset : offset + 4] = bytes(4)
    return (Command(Action.COPY, Target.KERNEL, bytes(image)),)


def _build(parts: CallParts) -> CallFiles:
    if len(parts.parsers) != 1:
        raise ImageError(f"{len(parts.parsers)} parsers; a kernel of dialect v6 takes one")
    (parser,) = parts.parsers
    with ExitStack() as held:
        memory = held.enter_context(MemFile("warmboot-enveloped-kernel"))
        envelope(parts.view, parser, memory.write, replace=True, cancel=parts.cancel)
        check_unchanged(parts.view, memory.view(), parser, cancel=parts.cancel)
        memory.seal()
        held.pop_all()
        return CallFiles(memory, None)


def _largest(image: BootImage, kernel: int, initrd: int) -> int:
    """Nothing but the kernel is handed over."""
    return kernel


FACTS = DialectFacts(
    number=6,
    actions={Action.DECOMPRESS: 0x1, Action.COPY: 0x2},
    fields=("cmd", "subcmd", "payload_len"),
    header=struct.Struct("<HHI"),
    context_member=None,
    programs={Kind.ZBOOT: _zboot, Kind.COPY: _copy},
    refused=(Command(Action.COPY, Target.KERNEL, bytes(8)),),
    most_commands=1,
    whole=False,
    build=_build,
    largest=_largest,
)
