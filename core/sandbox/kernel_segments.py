"""How a kernel judges the segments of kexec_load(2), and what it would not survive.

Sources: sanity_check_segment_list() in kernel/kexec_core.c, machine_kexec_prepare() of riscv and
loongarch, scripts/dtc/libfdt/fdt.c (fdt_check_header).
"""

from __future__ import annotations

import errno
import itertools
import os
import struct

from warmboot.core.architecture import Architecture
from warmboot.core.images.devicetree import MAGIC
from warmboot.core.load.kexec_load.memory import Range, free_ranges
from warmboot.core.load.kexec_load.segments import Layout, Segment
from warmboot.core.sandbox.kernel_answer import KernelErrno, SimulatedCrash

_MOST = 16  # KEXEC_SEGMENT_MAX
_TREE = struct.Struct(">10I")
_TREE_VERSION = 17
_LOONGARCH_OWN = Range(0x100000, 0x200000)  # the control code, and the command line's copy


def check_segments(layout: Layout, architecture: Architecture, iomem: str) -> None:
    """Judge a layout as the kernel of a machine with this /proc/iomem does.

    Raises KernelErrno, and SimulatedCrash for what the kernel does not look at and dies of.
    """
    _check_list(layout.segments)
    rooms = [Range(s.address, s.address + s.room) for s in layout.segments]
    if architecture is Architecture.RISCV64:
        tree = next(filter(_is_tree, layout.segments), None)
        if tree is None:
            raise KernelErrno(errno.EINVAL)
        _check_taken(tree, "device tree")
    if architecture is Architecture.LOONGARCH64:
        _check_line(layout.segments)
        if any(r.start < _LOONGARCH_OWN.end and _LOONGARCH_OWN.start < r.end for r in rooms):
            raise SimulatedCrash("crash", "a segment overwrites the code that moves the segments")
    free = free_ranges(iomem)
    if not all(any(f.start <= r.start and r.end <= f.end for f in free) for r in rooms):
        raise SimulatedCrash("crash", "a segment lies where no memory is, or where it is kept")
    if not any(r.start <= layout.entry < r.end for r in rooms):
        raise SimulatedCrash("crash", "it would be entered outside of what was loaded")


def _check_list(segments: tuple[Segment, ...]) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    if len(segments) > _MOST:
        raise KernelErrno(errno.EINVAL)
    if any(s.address % page or s.room % page for s in segments):
        raise KernelErrno(errno.EADDRNOTAVAIL)
    ordered = sorted((s.address, s.address + s.room) for s in segments)
    if any(second[0] < first[1] for first, second in itertools.pairwise(ordered)):
        raise KernelErrno(errno.EINVAL)
    if any(s.size > s.room for s in segments):
        raise KernelErrno(errno.EINVAL)


def _bytes(segment: Segment, count: int) -> bytes:
    if segment.fd is not None:
        return os.pread(segment.fd, min(count, segment.size), 0)
    return segment.content[:count]


def _is_tree(segment: Segment) -> bool:
    head = _bytes(segment, _TREE.size)
    if segment.room <= _TREE.size or len(head) < _TREE.size:
        return False
    magic, total, structure, strings, reserved, version, compatible = _TREE.unpack(head)[:7]
    inside = all(_TREE.size <= offset <= total for offset in (structure, strings, reserved))
    return magic == MAGIC and compatible <= _TREE_VERSION <= version and inside


def _check_line(segments: tuple[Segment, ...]) -> None:
    """The first segment that begins with the mark is copied, a command line's largest size of it,
    whatever of that it has."""
    size = Architecture.LOONGARCH64.facts.command_line_size
    line = next((s for s in segments if _bytes(s, 5) == b"kexec"), None)
    if line is None or line.size < size:
        raise KernelErrno(errno.EINVAL)
    _check_taken(line, "command line")


def _check_taken(segment: Segment, what: str) -> None:
    """The kernel goes by what a segment begins with, and takes the first."""
    if segment.what != what:
        raise SimulatedCrash("crash", f"it takes the {segment.what} for the {what}")
