"""Whether a parser and an image belong together.

Where they do not, a kernel of dialect v6 never comes back from the call: it is decided here,
before.
"""

from __future__ import annotations

from warmboot.core.bpf.abi import ANCHOR, MAPS, Dialect
from warmboot.core.bpf.dialects import facts_of
from warmboot.core.errors import ImageError
from warmboot.core.images import BootImage
from warmboot.core.images.bpfobject import ParserObject
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.images.zboot import Zboot
from warmboot.core.text import size

_REBUILD = "Build one for this image: warmboot bpf build."
_WANTS = {"zboot": Zboot, "copy": RawImage, "UKI": Uki, "inner zboot": Zboot}
#: What the kernel keeps of a ring buffer for itself, in bytes.
RING_OVERHEAD = 16
_PADDING = 4096


def check_object(parser: ParserObject, page_size: int = 4096) -> None:
    """Raise ImageError where the skeleton of a kernel with such pages cannot load `parser`."""
    names = [m.name for m in parser.maps]
    if len(names) != len(MAPS) or not all(map(_is_map, names, MAPS)):
        raise ImageError(
            f"The parser's maps are {', '.join(names) or 'none'}; the kernel wants exactly "
            f"{', '.join(MAPS)}",
            hint=_REBUILD,
        )
    rings = [m.ring for m in parser.maps if m.ring is not None]
    if len(rings) != 4 or any(ring < page_size or ring & (ring - 1) for ring in rings):
        raise ImageError(
            f"The parser's rings are not four powers of two of {size(page_size)} or more",
            hint=_REBUILD,
        )
    own = parser.identity
    if own is not None and own.record_size > rings[0] - RING_OVERHEAD:
        raise ImageError(
            f"The parser's record of {size(own.record_size)} is larger than its ring buffer",
            hint=_REBUILD,
        )


def _check_program(parser: ParserObject) -> None:
    """Judge what can be told of the program; where nothing can, only the replay tells."""
    found = parser.programs
    if len(found) > 1:
        names = ", ".join(program.name for program in found)
        raise ImageError(
            f"The parser has the programs {names}; the kernel wants one", hint=_REBUILD
        )
    if not parser.hooked or not all(program.fentry for program in found):
        raise ImageError(
            f"The parser's program is none for the section fentry.s/{ANCHOR}", hint=_REBUILD
        )


def _is_map(name: str, wanted: str) -> bool:
    """Compare names; libbpf puts the object's name in front of a section's, cut to 15 bytes."""
    return name == wanted or (wanted[0] == "." and name.endswith(wanted))


def check_fit(
    image: BootImage, parser: ParserObject, dialect: Dialect, *, carried: bool = False
) -> str | None:
    """Raise ImageError where `parser` cannot take `image` apart; return a warning, or None.

    Of a parser that is not ours only the object itself can be judged. `carried`: it is in the image
    already.
    """
    check_object(parser)
    _check_program(parser)
    if parser.dialect is not None and dialect != f"v{parser.dialect}":
        spoken = f"The parser speaks dialect v{parser.dialect}, not {dialect}"
        raise ImageError(spoken, hint=_REBUILD)
    own = parser.identity
    if own is None:
        return "The parser was made by another tool; whether it fits the image cannot be told."
    wanted = _WANTS.get(own.kind)
    if wanted is None or not isinstance(image, wanted):
        raise ImageError(f"The parser is for {own.kind}, not for {image.format}", hint=_REBUILD)
    # A copy is of the whole file, with the parser in it and what aligns it.
    copied = image.file_size + (0 if carried else parser.file_size + _PADDING)
    needed = image.stream.size if image.stream is not None else image.file_size
    if isinstance(image, RawImage):
        needed = copied
    if isinstance(image, RawImage) and copied > (image.memory_size or copied):
        raise ImageError(
            "The image asks for too little memory to carry a parser behind it",
            hint="Choose a compressed kernel (zboot), or reboot through firmware.",
        )
    check_room(parser, facts_of(dialect).largest(image, needed, 0), dialect)
    return None


def check_room(parser: ParserObject, needed: int, dialect: Dialect) -> None:
    """Raise ImageError where a parser of ours cannot hand over `needed` bytes at once."""
    own = parser.identity
    if own is None:
        return
    if needed + facts_of(dialect).header.size > own.record_size:
        raise ImageError(
            f"The parser hands over {size(own.record_size)} at most, the image has {size(needed)}",
            hint=_REBUILD,
        )
