"""Which format is it? One question, asked of the first 4 KiB; the format's class answers."""

from __future__ import annotations

from warmboot.core.errors import ImageError
from warmboot.core.images.bpfcontainer import Envelope, ParserContainer
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.images.bzimage import BzImage
from warmboot.core.images.compressed import CompressedImage
from warmboot.core.images.elf import ElfKernel
from warmboot.core.images.foreign import S390Image, ZImage
from warmboot.core.images.model import BootImage
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uboot import FitImage, UImage
from warmboot.core.images.uki import Addon, Outline, Uki
from warmboot.core.images.view import View
from warmboot.core.images.zboot import Zboot

#: Formats in the order they are tried: those that also look like a plain PE file come first.
KERNEL_FORMATS: tuple[type[BootImage], ...] = (
    Zboot,
    BzImage,
    ZImage,
    RawImage,
    ElfKernel,
    S390Image,
    CompressedImage,
)
FORMATS: tuple[type[BootImage], ...] = (
    *KERNEL_FORMATS,
    Uki,
    Addon,
    PeProgram,
    UImage,
    FitImage,
    ParserObject,
    ParserContainer,
    Envelope,
)

_HEAD = 4096


def identify(view: View) -> BootImage:
    """Return what the file says it is; raise ImageError for anything but a sound boot image."""
    return _format_of(view, FORMATS).parse(view)


def identify_kernel(view: View) -> BootImage:
    """Like identify, for the bytes inside a container: a UKI inside a UKI is refused."""
    return _format_of(view, KERNEL_FORMATS).parse(view)


def outline(view: View) -> BootImage | Outline:
    """Like identify, for a list of many: of a UKI no more is read than the list shows."""
    found = _format_of(view, FORMATS)
    return Outline.parse(view) if found is Uki else found.parse(view)


def _format_of(view: View, formats: tuple[type[BootImage], ...]) -> type[BootImage]:
    head = view.head(_HEAD)
    for format_class in formats:
        if format_class.matches(head) and format_class.claims(view):
            return format_class
    if not head:
        raise ImageError("The file is empty", hint="Install the kernel package again.")
    raise ImageError(
        "Not a boot image that warmboot knows",
        offset=0,
        hint="Known formats: " + ", ".join(f.format.value for f in formats) + ".",
    )
