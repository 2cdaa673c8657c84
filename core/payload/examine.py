"""What only reading a whole image tells: checks, digest, banner and build options."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage, Format, View
from warmboot.core.images.uki import Uki
from warmboot.core.payload.codecs import Piece, Source, decoder_for
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


def embedded_options(view: View, image: BootImage, cancel: Cancel) -> str | None:
    """Return the build options that a kernel embeds (CONFIG_IKCONFIG), None where it has none.

    What is packed is decoded as far as they reach, and not kept. What is damaged has none here;
    Raises Cancelled.
    """
    scanner = KernelScanner(banner=False)
    try:
        view, kernel = kernel_inside(view, image)
        if kernel is None:
            return None
        for piece in _pieces(view, kernel):
            cancel.check()
            scanner.feed(bytearray(piece), len(piece))
            if scanner.config is not None:
                break
    except ImageError:
        return None
    return scanner.config


def _pieces(view: View, kernel: BootImage) -> Iterator[Piece]:
    stream = kernel.stream
    if stream is not None:
        yield from decoder_for(stream.method)(Source(view, stream.offset, stream.size))
        return
    for position in range(0, view.size, _CHUNK):
        yield view.read(position, min(_CHUNK, view.size - position), "kernel")


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
