"""Where a riscv64 kernel, its initrd and its device tree go.

Sources: Documentation/arch/riscv/boot.rst and boot-image-header.rst; arch/riscv/kernel/
machine_kexec.c, which enters the Image itself, with the hart it runs on in a0 and in a1 the
address of the first segment that begins like a device tree, so that the tree comes before an
initrd that looks like one; setup_bootmem() in mm/init.c.
"""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.errors import Blocked
from warmboot.core.load.kexec_load.memory import ANYWHERE, FreeMemory, Range
from warmboot.core.load.kexec_load.segments import (
    Layout,
    Parts,
    Segment,
    check_image,
    place_initrd,
    place_kernel,
    place_tree,
)

_IMAGE_ALIGN = 2 * 1024 * 1024  # a PMD


def place(parts: Parts, free: list[Range]) -> Layout:
    """Return the layout for an Image. Raises as a Placer does.

    Nothing lies below the kernel: before Linux 6.4 it gives up the memory there. Nothing lies in
    its last PMD: it keeps all of that for itself, and would drop an initrd that begins there.
    """
    image = parts.image
    check_image(image, Architecture.RISCV64)
    if image.text_offset % _IMAGE_ALIGN:
        raise Blocked(f"The Image has an invalid text offset ({image.text_offset:#x})")
    size = parts.kernel_room
    whole = -(-size // _IMAGE_ALIGN) * _IMAGE_ALIGN

    def around(start: int, room: FreeMemory) -> Layout:
        initrd, ends = place_initrd(parts, room, above=start, below=ANYWHERE)
        tree = place_tree(parts.tree(ends), room, above=start)
        fd, length = parts.kernel
        kernel = Segment("kernel", start, length, size, fd=fd)
        return Layout(start, (tree, kernel, *initrd))

    return place_kernel(whole, FreeMemory(free), around, align=_IMAGE_ALIGN)
