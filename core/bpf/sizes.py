"""How large a parser's record and its ring buffer must be for an image."""

from __future__ import annotations

from warmboot.core.bpf.abi import SMALLEST_RING, Dialect, Kind
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.images.zboot import Zboot
from warmboot.core.values import dataclass

#: Room beside the payload in a record, for a command line or what a parser adds; in bytes.
_BESIDE = 40960
#: Ring buffer bytes that no record can have: its header, rounded up.
_RING_RESERVE = 16
_LARGEST_RING = 512 << 20
#: Where the initrd goes through the same record: an estimate in bytes.
INITRD_ESTIMATE = 64 << 20


@dataclass(frozen=True)
class Sizes:
    """Bytes of the record and of its ring buffer (a power of two)."""

    record: int
    ring: int


#: Those that parsers are compiled with; see warmboot.core.bpf.resize.
AS_COMPILED = Sizes(SMALLEST_RING // 2, SMALLEST_RING)


def sizes_for(payload: int) -> Sizes:
    """Return the sizes for a payload of so many bytes; raises ImageError where none fit."""
    record = payload + _BESIDE
    ring = SMALLEST_RING
    while ring <= payload or record > ring - _RING_RESERVE:
        ring *= 2
    if ring > _LARGEST_RING:
        raise ImageError(
            f"A kernel of {payload} bytes is too large for a parser's ring buffer",
            hint="Choose a smaller kernel.",
        )
    return Sizes(-(-record // 8) * 8, ring)


def kind_of(image: BootImage) -> Kind:
    """Return which parser takes this image apart; raises ImageError where none does."""
    if isinstance(image, Zboot):
        return Kind.ZBOOT
    if isinstance(image, RawImage):
        return Kind.COPY
    if isinstance(image, Uki):
        return Kind.UKI
    raise ImageError(
        f"There is no parser for the format {image.format}",
        hint="Parsers exist for zboot, UKI and raw Image.",
    )


def sizes_of(image: BootImage, dialect: Dialect, initrd: int | None = None) -> Sizes:
    """Return the sizes for an image: of what is handed over at once, the packed kernel mostly.

    `initrd` is its size (bytes), where the dialect hands it over too; None for a guess.
    """
    handed = image.file_size if image.stream is None else image.stream.size
    facts = facts_of(dialect)
    beside = INITRD_ESTIMATE if initrd is None else initrd
    return sizes_for(facts.largest(image, handed, beside))
