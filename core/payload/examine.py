"""What only reading a whole image tells: checks, digest, banner and build options."""

from __future__ import annotations

import hashlib

from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage, Format, View
from warmboot.core.images.uki import Uki
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.scan import KernelScanner
from warmboot.core.payload.unpack import Payload, unpack
from warmboot.core.progress import Cancel, Phase, Report, Reporter, ignore

_CHUNK = 256 * 1024
_BARE = (Format.IMAGE, Format.ELF)


def kernel_inside(view: View, image: BootImage) -> tuple[View, BootImage | None]:
    """Return where the kernel stands and what it is: for a UKI its .linux section, else itself."""
    if not isinstance(image, Uki):
        return view, image
    section = image.linux_section
    return view.part(section.offset, section.size, ".linux section"), image.linux


def examine(
    view: View, image: BootImage, *, report: Report = ignore, cancel: Cancel | None = None
) -> Payload | None:
    """Read all of the kernel in an image, unpacked in memory where it is compressed.

    None where there is no kernel to read (an add-on, another program). Raises ImageError where
    the content is damaged; Cancelled.
    """
    view, kernel = kernel_inside(view, image)
    if kernel is not None and kernel.stream is not None:
        with MemFile("warmboot-examine") as memory:
            return unpack(view, kernel.stream, memory, report=report, cancel=cancel)
    if kernel is not None and kernel.format in _BARE:
        return _scan(view, kernel, report, cancel)
    return None


def _scan(view: View, image: BootImage, report: Report, cancel: Cancel | None) -> Payload:
    digest, scanner = hashlib.sha256(), KernelScanner()
    reporter = Reporter(report, Phase.READ, view.size)
    buffer = bytearray(min(_CHUNK, view.size))
    window = memoryview(buffer)
    position = 0
    while position < view.size:
        if cancel is not None:
            cancel.check()
        count = view.readinto(position, window)
        if count == 0:
            raise ImageError("The file became shorter while it was read", offset=position)
        digest.update(window[:count])
        scanner.feed(buffer, count)
        position += count
        reporter.advance(position)
    reporter.finish()
    return Payload(
        method=None,
        size=view.size,
        sha256=digest.hexdigest(),
        release=scanner.release,
        banner=scanner.banner,
        config=scanner.config,
        image=image,
    )
