"""Formats of kernels by themselves: what a file, or the .linux section of a UKI, may hold."""

from __future__ import annotations

from collections.abc import Sequence

from warmboot.core.errors import ImageError
from warmboot.core.images.bzimage import BzImage
from warmboot.core.images.compressed import CompressedImage
from warmboot.core.images.elf import ElfKernel
from warmboot.core.images.foreign import S390Image, ZImage
from warmboot.core.images.model import BootImage
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.view import View
from warmboot.core.images.zboot import Zboot

#: In the order they are tried.
KERNEL_FORMATS: tuple[type[BootImage], ...] = (
    Zboot,
    BzImage,
    ZImage,
    RawImage,
    ElfKernel,
    S390Image,
    CompressedImage,
)

_HEAD = 4096


def identify_kernel(view: View) -> BootImage:
    """Return the kernel that these bytes are; raise ImageError for anything else, a UKI too."""
    return format_of(view, KERNEL_FORMATS).parse(view)


def first_claim(view: View, formats: Sequence[type[BootImage]]) -> type[BootImage] | None:
    """Return the first of `formats` that takes the file for its own, None where none does."""
    head = view.head(_HEAD)
    for format_class in formats:
        if format_class.matches(head) and format_class.claims(view):
            return format_class
    return None


def format_of(view: View, formats: Sequence[type[BootImage]]) -> type[BootImage]:
    """Return the first of `formats` that takes the file for its own; raise ImageError if none."""
    found = first_claim(view, formats)
    if found is not None:
        return found
    if not view.size:
        raise ImageError("The file is empty", hint="Install the kernel package again.")
    raise ImageError(
        "Not a boot image that warmboot knows",
        offset=0,
        hint="Known formats: " + ", ".join(f.format.value for f in formats) + ".",
    )
