"""How large a parser's record and its ring buffer must be for an image."""

from __future__ import annotations

from dataclasses import dataclass

from warmboot.core.bpf.abi import SMALLEST_RING, Dialect, Kind
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.images.zboot import Zboot

#: Room beside the kernel in a record, as the reference has it; in bytes.
_BESIDE = 40960
#: Ring buffer bytes that no record can have: its header, rounded up.
_RING_RESERVE = 16
_LARGEST_RING = 512 << 20
#: Where the initrd goes through the same record: an estimate in bytes.
INITRD_ESTIMATE = 64 << 20
#: Ring buffers of the parsers that come with warmboot, in bytes.
CLASSES = (64 << 20, 128 << 20, 256 << 20)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the record and of its ring buffer (a power of two)."""

    record: int
    ring: int


def sizes_for(image_size: int) -> Sizes:
    """Return the sizes for a kernel of `image_size` bytes; raises ImageError where none fit."""
    record = image_size + _BESIDE
    ring = SMALLEST_RING
    while ring <= image_size or record > ring - _RING_RESERVE:
        ring *= 2
    if ring > _LARGEST_RING:
        raise ImageError(
            f"A kernel of {image_size} bytes is too large for a parser's ring buffer",
            hint="Choose a smaller kernel.",
        )
    return Sizes(-(-record // 8) * 8, ring)


def class_sizes(ring: int) -> Sizes:
    """Return the sizes of a parser for all images that fit a ring of `ring` bytes."""
    return Sizes(ring - 4096, ring)


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


def sizes_of(image: BootImage, dialect: Dialect, beside: int = 0) -> Sizes:
    """Return the sizes for an image: of its uncompressed kernel, or of the whole for a copy.

    `beside` is the size of the initrd (bytes), where the dialect hands it over too.
    """
    stream = image.stream
    unpacked = stream.declared if stream is not None else None
    largest = max(unpacked or 0, image.file_size if stream is None else stream.size)
    facts = facts_of(dialect)
    initrd = max(beside, INITRD_ESTIMATE) if facts.whole else 0
    return sizes_for(facts.largest(image, largest, initrd))
