"""kexec_load(2): a kernel handed over as pieces of memory with their places."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from warmboot.core.errors import WarmbootError
from warmboot.core.images.rawimage import RawImage
from warmboot.core.load import syscalls
from warmboot.core.load.kexec_load.memory import Range
from warmboot.core.values import dataclass

_MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0)


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything goes, and the address that the next kernel is entered at."""

    entry: int
    segments: tuple[Segment, ...]


#: Returns where everything goes: of an image, kernel and initrd as descriptor and size in bytes,
#: the device tree to start from and its name, the command line with its NUL, and the free memory.
#: Raises Blocked, Refused, ImageError.
Placer = Callable[
    [RawImage, tuple[int, int], tuple[int, int] | None, tuple[bytes, str], bytes, list[Range]],
    Layout,
]


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
