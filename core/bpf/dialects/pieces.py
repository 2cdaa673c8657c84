"""How parsers of every dialect take an image apart, in Python: same checks, same order.

The C source is source/image.h; a test compares the two on generated and damaged images.
"""

from __future__ import annotations

import struct

from warmboot.core.bpf.abi import Action
from warmboot.core.bpf.refusal import Refusal
from warmboot.core.images import View
from warmboot.core.values import dataclass

#: Bytes of a zboot image's header.
ZBOOT_HEADER = 64
_SMALLEST_PAYLOAD = 4
_MASK = (1 << 64) - 1
_MZ = 0x5A4D


class Refused(Exception):
    """A parser gives up, and why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass
class Pieces:
    """Offsets and sizes of what an image gives; None or 0 bytes where it gives none."""

    verify: tuple[int, int] | None = None
    addon: tuple[int, int] = (0, 0)
    kernel: tuple[int, int] = (0, 0)
    initrd: tuple[int, int] = (0, 0)
    cmdline: tuple[int, int] = (0, 0)
    action: Action = Action.COPY
    fill: bool = False
    nul: bool = False


def read(view: View, offset: int, size: int, otherwise: Refusal) -> bytes:
    """Return bytes of the image; addresses wrap as the program's do."""
    offset &= _MASK
    if offset > view.size or size > view.size - offset:
        raise Refused(otherwise)
    return view.read(offset, size, "image")


def find_zboot(view: View, base: int, size: int) -> tuple[int, int]:
    """Return offset and size of the exact compressed stream of a zboot image."""
    if size < ZBOOT_HEADER:
        raise Refused(Refusal.TOO_SHORT)
    head = read(view, base, 16, Refusal.UNREADABLE)
    magic, zimg, offset, count = struct.unpack("<H2x4sII", head)
    if magic != _MZ or zimg != b"zimg":
        raise Refused(Refusal.NOT_ZBOOT)
    if offset < ZBOOT_HEADER or offset > size or count > size - offset:
        raise Refused(Refusal.OUTSIDE)
    return base + offset, count


def check_sizes(pieces: Pieces, room: int) -> Pieces:
    """Return the pieces; raise Refused where one is too small or has no room."""
    if pieces.kernel[1] < _SMALLEST_PAYLOAD:
        raise Refused(Refusal.TOO_SMALL)
    found = (pieces.verify, pieces.addon, pieces.kernel, pieces.initrd)
    too_large = any(piece is not None and piece[1] > room for piece in found)
    if too_large or pieces.cmdline[1] + pieces.nul > room:
        raise Refused(Refusal.TOO_LARGE)
    return pieces
