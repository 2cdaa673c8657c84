"""From what is to be loaded to its places on this machine."""

from __future__ import annotations

import errno
import os

from warmboot.core.debug import debug
from warmboot.core.errors import Blocked, Refused, WarmbootError
from warmboot.core.host import Host
from warmboot.core.host.files import read_text
from warmboot.core.host.hardware import read_memory
from warmboot.core.images import FileView, identify
from warmboot.core.images.rawimage import RawImage
from warmboot.core.load.kexec_load import placer_for
from warmboot.core.load.kexec_load.devicetree import (
    LIMIT,
    next_tree,
    reserved_ranges,
    running_tree,
)
from warmboot.core.load.kexec_load.memory import free_ranges, without
from warmboot.core.load.kexec_load.segments import Layout, Parts
from warmboot.core.load.loader import LoadRequest

_IOMEM_LIMIT = 4 << 20


def lay_out(host: Host, request: LoadRequest) -> Layout:
    """Return where kernel, initrd, device tree and command line go in the memory of `host`.

    Raises Blocked for what cannot be placed, Refused where memory has no room now, ImageError for
    a device tree that is none, WarmbootError where the machine does not say what is needed.
    """
    size = os.fstat(request.kernel_fd).st_size
    image = identify(FileView(request.kernel_fd, size))
    if not isinstance(image, RawImage):
        raise Blocked(f"kexec_load(2) is for an uncompressed Image here, not for {image.format}")
    initrd = None
    if request.initrd_fd is not None and (initrd_size := os.fstat(request.initrd_fd).st_size):
        initrd = (request.initrd_fd, initrd_size)
    iomem = read_text(host.prefix / "proc/iomem", _IOMEM_LIMIT + 1) or ""
    free = free_ranges(iomem)
    if not free or len(iomem) > _IOMEM_LIMIT:  # behind the limit there may be what is reserved
        raise WarmbootError(
            "The kernel does not say where memory is free (/proc/iomem)",
            hint="Run warmboot as root, outside a container.",
        )
    content, name = b"", ""
    if image.architecture is not None and image.architecture.facts.tree_goes_along:
        content, name = _tree(host, request)
    if request.devicetree_fd is not None:  # what the running tree reserves is not free anyway
        free = without(free, reserved_ranges(content, name))

    def tree(ends: tuple[int, int] | None) -> bytes:
        return next_tree(content, name, request.cmdline_bytes, ends)

    parts = Parts(
        image=image,
        kernel=(request.kernel_fd, size),
        initrd=initrd,
        cmdline=request.cmdline_bytes,
        tree=tree,
    )
    layout = placer_for(host.machine)(parts, free)
    _check_half(host, sum(segment.room for segment in layout.segments))
    for segment in layout.segments:
        debug("%s at %#x, %d bytes", segment.what, segment.address, segment.room)
    return layout


def _tree(host: Host, request: LoadRequest) -> tuple[bytes, str]:
    """Return the device tree that goes along, and what to call it."""
    if request.devicetree_fd is None:
        return running_tree(host.prefix), "/sys/firmware/fdt"
    content = os.pread(request.devicetree_fd, LIMIT + 1, 0)
    return content, request.devicetree_name or "the device tree"


def _check_half(host: Host, size: int) -> None:
    """Refuse what the kernel refuses with a bare EINVAL (sanity_check_segment_list)."""
    memory = read_memory(host.prefix)
    if memory is not None and size > memory // 2:
        raise Refused(
            f"Kernel and initrd take {size} bytes, and the kernel loads no more than half of its "
            f"memory, {memory // 2} (EINVAL)",
            errno=errno.EINVAL,
            hint="Use a smaller initrd, or reboot through firmware.",
        )
