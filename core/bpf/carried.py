"""The parser that an image brings along: whether it is the one to run, and whether it works."""

from __future__ import annotations

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.compatibility import RING_OVERHEAD, check_fit
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage
from warmboot.core.images.carried import CarriedParser
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.zboot import Zboot
from warmboot.core.text import size

_OTHER = "Choose another image, or build this one again with: warmboot bpf envelope --sign."


def carried_by(image: BootImage) -> CarriedParser | None:
    """Return what is in the image's own `.bpf` section, None where it has none."""
    return image.carried if isinstance(image, Zboot | RawImage) else None


def runs_carried(image: BootImage) -> bool:
    """Whether the carried parser is the one to run: the image is signed, or the parser fits it.

    A signed image stays as it is, whatever it carries. In an unsigned one a parser that does not
    fit, or that another tool made, is replaced.
    """
    carried = carried_by(image)
    if carried is None:
        return False
    signed = isinstance(image, Zboot | RawImage) and image.signed
    return signed or fits_carried(image)


def fits_carried(image: BootImage) -> bool:
    """Whether an image carries a parser of warmboot's own that fits it."""
    carried = carried_by(image)
    if carried is None or carried.parser is None or carried.parser.identity is None:
        return False
    try:
        check_carried(image)
    except ImageError:
        return False
    return True


def check_carried(image: BootImage) -> None:
    """Raise ImageError where the kernel could not run, or not survive, the carried parser.

    What can be told of a parser by another tool: its maps, and whether a ring holds the payload.
    Whether the kernel loads it only the replay tells.
    """
    carried = carried_by(image)
    if carried is None:
        raise ImageError("The image carries no parser")
    if carried.parser is None:
        raise ImageError(
            f"The parser that the image carries is unusable: {carried.problem}", hint=_OTHER
        )
    try:
        check_fit(image, carried.parser, Dialect.V6, carried=True)
    except ImageError as error:
        raise ImageError(f"The image carries a parser: {error.message}", hint=_OTHER) from error
    if carried.parser.identity is None:
        payload = image.file_size if image.stream is None else image.stream.size
        needed = payload + facts_of(Dialect.V6).header.size
        ring = max(m.ring or 0 for m in carried.parser.maps) - RING_OVERHEAD
        if needed > ring:
            raise ImageError(
                f"The image carries a parser whose largest ring holds {size(max(ring, 0))}; "
                f"the payload has {size(payload)}",
                hint=_OTHER,
            )
