"""Where an arm64 kernel, its initrd and its device tree go. Source: booting.rst of arm64."""

from __future__ import annotations

import os
import struct

from warmboot.core.architecture import Architecture
from warmboot.core.errors import Blocked
from warmboot.core.images.rawimage import RawImage
from warmboot.core.load.kexec_load.devicetree import next_tree
from warmboot.core.load.kexec_load.memory import FreeMemory, Range
from warmboot.core.load.kexec_load.segments import Layout, Segment, pages

_IMAGE_ALIGN = 2 * 1024 * 1024  # the Image lies text_offset behind such a boundary
_WINDOW_ALIGN, _WINDOW = 1 << 30, 32 << 30  # initrd and Image share one such window
_ANYWHERE = 1 << 48  # no address is as high

# The kernel wants the device tree's address in x0 and zeros in x1, x2 and x3.
_TRAMPOLINE = (
    0x580000C4,  # ldr x4, 24 bytes on: the kernel
    0x580000E0,  # ldr x0, 28 bytes on: the device tree
    0xAA1F03E1,  # mov x1, xzr
    0xAA1F03E2,  # mov x2, xzr
    0xAA1F03E3,  # mov x3, xzr
    0xD61F0080,  # br x4
)


def place(
    image: RawImage,
    kernel: tuple[int, int],
    initrd: tuple[int, int] | None,
    tree: tuple[bytes, str],
    cmdline: bytes,
    free: list[Range],
) -> Layout:
    """Return the layout for an Image; `kernel` and `initrd` are descriptor and size in bytes.

    `tree` is the device tree to start from and its name, `cmdline` ends in NUL. Raises Blocked
    for an image that has no place anywhere, Refused where memory has no room now, ImageError.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    if image.architecture is not Architecture.ARM64 or not image.memory_size:
        raise Blocked("The kernel is not an arm64 Image that states its size")
    if image.text_offset % page or image.text_offset >= _IMAGE_ALIGN:
        raise Blocked(f"The Image has an invalid text offset ({image.text_offset:#x})")
    if image.big_endian:
        raise Blocked("The Image is big endian; this machine is not")
    room = FreeMemory(free)
    size = pages(max(image.memory_size, kernel[1]))
    start = room.take(
        size, "the kernel", align=_IMAGE_ALIGN, offset=image.text_offset, below=_ANYWHERE
    )
    segments = [Segment("kernel", start, kernel[1], size, fd=kernel[0])]
    ends = None
    if initrd is not None:
        window = start // _WINDOW_ALIGN * _WINDOW_ALIGN
        first = room.take(
            pages(initrd[1]), "the initrd", align=page, above=window, below=window + _WINDOW
        )
        segments.append(Segment("initrd", first, initrd[1], pages(initrd[1]), fd=initrd[0]))
        ends = (first, first + initrd[1])
    made = next_tree(*tree, cmdline, ends)
    # A power of two, at a multiple of itself, never crosses a 2 MiB boundary.
    tree_room = max(page, 1 << (len(made) - 1).bit_length())
    tree_start = room.take(tree_room, "the device tree", align=tree_room, below=_ANYWHERE)
    entry = room.take(page, "the entry code", align=page, below=_ANYWHERE)
    code = struct.pack("<6I2Q", *_TRAMPOLINE, start, tree_start)
    segments += [
        Segment("device tree", tree_start, len(made), tree_room, content=made),
        Segment("entry code", entry, len(code), page, content=code),
    ]
    return Layout(entry, tuple(segments))
