"""Which format is it? One question, asked of the first 4 KiB; the format's class answers."""

from __future__ import annotations

from warmboot.core.errors import ImageError
from warmboot.core.images.kernels import KERNEL_FORMATS, first_claim, format_of
from warmboot.core.images.model import BootImage
from warmboot.core.images.pe import PeProgram
from warmboot.core.images.uboot import FitImage, UImage
from warmboot.core.images.uki import Addon, Outline, Uki
from warmboot.core.images.view import View, too_large

_COMMON: tuple[type[BootImage], ...] = (
    *KERNEL_FORMATS,
    Uki,
    Addon,
    PeProgram,
    UImage,
    FitImage,
)


def formats() -> tuple[type[BootImage], ...]:
    """Return all formats in the order they are tried: first those that also look like plain PE."""
    from warmboot.core.images.bpfcontainer import Envelope, ParserContainer
    from warmboot.core.images.bpfobject import ParserObject

    return (*_COMMON, ParserObject, ParserContainer, Envelope)


def identify(view: View) -> BootImage:
    """Return what the file says it is; raise ImageError for anything but a sound boot image."""
    _check_size(view)
    return _format(view).parse(view)


def outline(view: View) -> BootImage | Outline:
    """Like identify, for a list of many: of a UKI no more is read than the list shows."""
    _check_size(view)
    found = _format(view)
    return Outline.parse(view) if found is Uki else found.parse(view)


def stated_release(view: View) -> str | None:
    """Return the release that a header states, None where it states none; raise as `identify`."""
    _check_size(view)
    return _format(view).stated_release(view)


def _format(view: View) -> type[BootImage]:
    """Return the format of a file; those of parsers are loaded where it is none of the others."""
    return first_claim(view, _COMMON) or format_of(view, formats())


def _check_size(view: View) -> None:
    """Raise ImageError for a file so large that no reader would come to its end."""
    problem = too_large(view)
    if problem is not None:
        raise ImageError(f"The file cannot be loaded: {problem}", hint="Choose another kernel.")
