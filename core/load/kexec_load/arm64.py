"""Where an arm64 kernel, its initrd and its device tree go. Source: booting.rst of arm64."""

from __future__ import annotations

import struct

from warmboot.core.architecture import Architecture
from warmboot.core.errors import Blocked
from warmboot.core.load.kexec_load.memory import ANYWHERE, FreeMemory, Range
from warmboot.core.load.kexec_load.segments import (
    Layout,
    Parts,
    Segment,
    check_image,
    pages,
    place_initrd,
    place_kernel,
    place_tree,
)

_IMAGE_ALIGN = 2 * 1024 * 1024  # the Image lies text_offset behind such a boundary
_WINDOW_ALIGN, _WINDOW = 1 << 30, 32 << 30  # initrd and Image share one such window

# The kernel wants the device tree's address in x0 and zeros in x1, x2 and x3.
_TRAMPOLINE = (
    0x580000C4,  # ldr x4, 24 bytes on: the kernel
    0x580000E0,  # ldr x0, 28 bytes on: the device tree
    0xAA1F03E1,  # mov x1, xzr
    0xAA1F03E2,  # mov x2, xzr
    0xAA1F03E3,  # mov x3, xzr
    0xD61F0080,  # br x4
)


def place(parts: Parts, free: list[Range]) -> Layout:
    """Return the layout for an Image; the entry code is what hands the device tree over.

    Raises as a Placer does.
    """
    image, page = parts.image, pages(1)
    check_image(image, Architecture.ARM64)
    if image.text_offset % page or image.text_offset >= _IMAGE_ALIGN:
        raise Blocked(f"The Image has an invalid text offset ({image.text_offset:#x})")
    size = parts.kernel_room

    def around(start: int, room: FreeMemory) -> Layout:
        window = start // _WINDOW_ALIGN * _WINDOW_ALIGN
        initrd, ends = place_initrd(parts, room, above=window, below=window + _WINDOW)
        tree = place_tree(parts.tree(ends), room)
        entry = room.take(page, "the entry code", align=page, below=ANYWHERE)
        code = struct.pack("<6I2Q", *_TRAMPOLINE, start, tree.address)
        fd, length = parts.kernel
        kernel = Segment("kernel", start, length, size, fd=fd)
        last = Segment("entry code", entry, len(code), page, content=code)
        return Layout(entry, (kernel, *initrd, tree, last))

    room = FreeMemory(free)
    return place_kernel(size, room, around, align=_IMAGE_ALIGN, offset=image.text_offset)
