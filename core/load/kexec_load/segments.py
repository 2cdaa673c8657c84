"""kexec_load(2): a kernel handed over as pieces of memory with their places."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from warmboot.core.architecture import Architecture
from warmboot.core.errors import Blocked, Refused, WarmbootError
from warmboot.core.images.rawimage import RawImage
from warmboot.core.load import syscalls
from warmboot.core.load.kexec_load.memory import ANYWHERE, FreeMemory, Range, no_room
from warmboot.core.values import dataclass

_MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0)


@dataclass(frozen=True)
class Segment:
    """`size` bytes of an open file, or of `content`, go to `room` bytes of memory at `address`.

    What is left of the room is filled with zeros. Address and room are multiples of a page.
    """

    what: str
    address: int
    size: int
    room: int
    fd: int | None = None
    content: bytes = b""


@dataclass(frozen=True)
class Layout:
    """Where everything goes, and the address that the next kernel is entered at."""

    entry: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Parts:
    """What has to get a place: `kernel` and `initrd` are open files with their size in bytes.

    `cmdline` ends in NUL. `tree` makes the device tree of the next kernel; it is given the initrd's
    first address and the one behind it, None without one, and raises ImageError, WarmbootError.
    """

    image: RawImage
    kernel: tuple[int, int]
    initrd: tuple[int, int] | None
    cmdline: bytes
    tree: Callable[[tuple[int, int] | None], bytes]

    @property
    def kernel_room(self) -> int:
        """Bytes of memory that the kernel asks for, in whole pages."""
        return pages(max(self.image.memory_size or 0, self.kernel[1]))


#: Returns where the parts go in the free memory. Raises Blocked for what has no place anywhere,
#: Refused where memory has no room now, and what Parts.tree raises.
Placer = Callable[[Parts, list[Range]], Layout]


def check_image(image: RawImage, architecture: Architecture) -> None:
    """Raise Blocked where an image is not one of `architecture` that states its size."""
    if image.architecture is not architecture or not image.memory_size:
        raise Blocked(f"The kernel is not an Image for {architecture} that states its size")
    if image.big_endian:
        raise Blocked("The Image is big endian; this machine is not")


def place_kernel(
    size: int,
    room: FreeMemory,
    around: Callable[[int, FreeMemory], Layout],
    *,
    align: int,
    offset: int = 0,
    above: int = 0,
) -> Layout:
    """Return what `around` makes of the kernel's first address and of what else is free then.

    Every piece of memory is tried, lowest first, until all that goes beside the kernel has room
    too. Raises what `around` raises, and Refused as for the first piece where none will do.
    """
    refused: Refused | None = None
    for start, left in room.places(size, align=align, offset=offset, above=above, below=ANYWHERE):
        try:
            return around(start, left)
        except Refused as error:
            refused = refused or error
    raise refused or no_room(size, "the kernel")


def place_initrd(
    parts: Parts, room: FreeMemory, *, above: int, below: int
) -> tuple[list[Segment], tuple[int, int] | None]:
    """Return the initrd's segment, and its first address and the one behind it; none without one.

    Raises Refused where there is no room between `above` and `below`.
    """
    if parts.initrd is None:
        return [], None
    fd, size = parts.initrd
    start = room.take(pages(size), "the initrd", align=pages(1), above=above, below=below)
    return [Segment("initrd", start, size, pages(size), fd=fd)], (start, start + size)


def place_tree(content: bytes, room: FreeMemory, *, above: int = 0) -> Segment:
    """Return the device tree's segment. Its room is a power of two, at a multiple of itself: so it
    never crosses a boundary of 2 MiB. Raises Refused."""
    size = max(pages(1), 1 << (len(content) - 1).bit_length())
    start = room.take(size, "the device tree", align=size, above=above, below=ANYWHERE)
    return Segment("device tree", start, len(content), size, content=content)


def load(layout: Layout, flags: int, machine: str) -> None:
    """Make the call. No file is copied here: the kernel reads its pages. Raises OSError."""
    with ExitStack() as held:
        array = [
            syscalls.KexecSegment(
                held.enter_context(_address(segment)), segment.size, segment.address, segment.room
            )
            for segment in layout.segments
        ]
        syscalls.kexec_load(layout.entry, array, flags, machine)


@contextmanager
def _address(segment: Segment) -> Iterator[int]:
    """Give the address of a segment's bytes in this process.

    A file is mapped privately and never written to, so that its pages stay shared. A file that
    became shorter meanwhile makes the call fail with EFAULT; nothing here touches the pages.
    """
    if segment.fd is None:
        buffer = ctypes.create_string_buffer(segment.content, segment.size)
        yield ctypes.addressof(buffer)
        return
    try:
        mapped = mmap.mmap(segment.fd, segment.size, flags=mmap.MAP_PRIVATE | _MAP_NORESERVE)
    except (OSError, ValueError) as error:
        raise WarmbootError(
            f"The {segment.what} cannot be mapped: {error}",
            hint="It may have become shorter. Try again when nothing writes to it.",
        ) from error
    first = ctypes.c_char.from_buffer(mapped)
    try:
        yield ctypes.addressof(first)
    finally:
        del first  # the mapping cannot be closed while something points into it
        mapped.close()


def pages(size: int) -> int:
    """Return `size` rounded up to whole pages of this machine."""
    page = os.sysconf("SC_PAGE_SIZE")
    return -(-size // page) * page
