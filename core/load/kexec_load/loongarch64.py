"""Where a loongarch64 kernel, its initrd and its command line go.

Sources: arch/loongarch/kernel/machine_kexec.c, machine_kexec_file.c and kexec_efi.c. The kernel
hands over what it was started with itself: whether by EFI, and the system table. The command line
is the first segment that begins with "kexec", so that it comes before an initrd that does; the
kernel copies it to a fixed place, and its own code to another, both below 2 MiB. The initrd's place
is told by a word of the command line.
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
    pages,
    place_initrd,
    place_kernel,
)

_IMAGE_ALIGN = 2 * 1024 * 1024
_LOW = 2 * 1024 * 1024  # the kernel's own, up to here
_WINDOW_ALIGN, _WINDOW = 1 << 30, 32 << 30  # the initrd lies in one such window with the kernel
_MARK = b"kexec "


def place(parts: Parts, free: list[Range]) -> Layout:
    """Return the layout for an Image; nothing lies below it. Raises as a Placer does."""
    image = parts.image
    check_image(image, Architecture.LOONGARCH64)
    fd, length = parts.kernel
    if image.text_offset % _IMAGE_ALIGN or not 0 <= image.entry < length:
        raise Blocked(
            f"The Image has an invalid load offset ({image.text_offset:#x}) or entry point"
        )
    size = parts.kernel_room
    lowest = max(image.text_offset, _LOW)

    def around(start: int, room: FreeMemory) -> Layout:
        window = start // _WINDOW_ALIGN * _WINDOW_ALIGN
        initrd, ends = place_initrd(parts, room, above=start, below=window + _WINDOW)
        line = _command_line(parts.cmdline, ends)
        line_room = pages(len(line))
        place_of_line = room.take(
            line_room, "the command line", align=pages(1), above=start, below=ANYWHERE
        )
        first = Segment("command line", place_of_line, len(line), line_room, content=line)
        kernel = Segment("kernel", start, length, size, fd=fd)
        return Layout(start + image.entry, (first, kernel, *initrd))

    return place_kernel(size, FreeMemory(free), around, align=_IMAGE_ALIGN, above=lowest)


def _command_line(cmdline: bytes, ends: tuple[int, int] | None) -> bytes:
    """Return the command line's segment: as many bytes as the kernel copies, whatever its length.

    Raises Blocked where it is longer than that.
    """
    initrd = b"" if ends is None else b"initrd=%#x,%#x " % (ends[0], ends[1] - ends[0])
    line = _MARK + initrd + cmdline
    limit = Architecture.LOONGARCH64.facts.command_line_size
    if len(line) > limit:
        raise Blocked(
            f"The command line is {len(line)} bytes long with what kexec adds to it "
            f"({len(line) - len(cmdline)}); the kernel takes {limit}",
            hint="Shorten it (--cmdline, --append).",
        )
    return line.ljust(limit, b"\0")
