"""The way an image goes into the kernel: as it is, by a parser, unpacked here, or in parts."""

from __future__ import annotations

from warmboot.core.architecture import Architecture
from warmboot.core.enumeration import StrEnum
from warmboot.core.hints import TYPE_CHECKING
from warmboot.core.host import Host
from warmboot.core.images import BootImage, Format
from warmboot.core.images.compressed import CompressedImage
from warmboot.core.images.compression import decompressor_option
from warmboot.core.images.rawimage import RawImage
from warmboot.core.images.uki import Uki
from warmboot.core.images.zboot import Zboot
from warmboot.core.values import NamedTuple

if TYPE_CHECKING:  # a list needs routes, and no parsers
    from warmboot.core.bpf.abi import Dialect


class Strategy(StrEnum):
    """How the kernel gets the image."""

    AS_IS = "as it is"
    PARSER = "unpacked by the kernel"
    COPY = "copied by a parser"
    UNPACK = "unpacked here"
    SPLIT = "split into kernel and initrd"
    NONE = "cannot be loaded"

    @property
    def by_parser(self) -> bool:
        """Whether the kernel runs a parser program over the image."""
        return self in (Strategy.PARSER, Strategy.COPY)


class Alternative(NamedTuple):
    """A strategy that was not taken, and why."""

    strategy: Strategy
    why_not: str


_NO_DECOMPRESSOR = "has no decompressor for"


class Route(NamedTuple):
    """A strategy, and why it is taken."""

    strategy: Strategy
    why: str


def accepted_formats(architecture: Architecture | None) -> tuple[str, ...]:
    """Return the formats that kernels of an architecture load as they are."""
    return architecture.facts.accepts if architecture is not None else ()


def choose_route(
    image: BootImage,
    architecture: Architecture | None,
    dialect: Dialect | None,
    host: Host,
    *,
    refused: bool = False,
) -> Route:
    """Return how `image` gets into the kernel of `host`; `dialect` is of its parser interface.

    `refused`: the kernel's own decompressors do not take the payload.
    """
    accepted = accepted_formats(architecture)
    if not accepted:
        return Route(Strategy.NONE, "warmboot cannot load kernels on this architecture")
    by_parser = None
    if dialect is not None:
        by_parser = _by_parser(image, dialect, host, refused=refused)
    if by_parser is not None:
        return by_parser
    if image.format in accepted:
        return Route(Strategy.AS_IS, f"the kernel loads the format {image.format} itself")
    if isinstance(image, Uki):
        return _uki(image, accepted)
    if image.format in (Format.ZBOOT, Format.COMPRESSED) and image.stream is not None:
        why = f"this kernel cannot load {image.format}; its payload can be loaded"
        return Route(Strategy.UNPACK, why)
    if image.format is Format.ZBOOT:
        return Route(Strategy.NONE, "the payload's compression is unknown to warmboot")
    return Route(Strategy.NONE, f"this kernel cannot load the format {image.format}")


def keeps_signature(strategy: Strategy, image: BootImage, dialect: Dialect | None) -> bool:
    """Whether the kernel sees the file as it was signed."""
    if strategy is Strategy.PARSER:
        from warmboot.core.bpf.carried import runs_carried
        from warmboot.core.bpf.dialects import facts_of

        whole = dialect is not None and facts_of(dialect).whole
        return whole or runs_carried(_inner(image) or image)
    return strategy is Strategy.AS_IS


def alternatives(
    strategy: Strategy, image: BootImage, architecture: Architecture | None
) -> tuple[Alternative, ...]:
    """Return the strategies that were not taken, and why."""
    if strategy is Strategy.COPY:
        why_not = "This kernel takes only images with a parser"
        return (Alternative(Strategy.AS_IS, why_not),)
    if strategy is Strategy.PARSER:
        why_not = "not needed: unpacked by the kernel, the signed file stays as it is"
        return (Alternative(Strategy.UNPACK, why_not),)
    if strategy is not Strategy.AS_IS:
        formats = " or ".join(accepted_formats(architecture))
        takes = f"takes {formats} only" if formats else "is of an unknown architecture"
        return (Alternative(Strategy.AS_IS, f"This kernel {takes}"),)
    if image.stream is not None:
        why_not = "not needed, and a signature would be lost"
        return (Alternative(Strategy.UNPACK, why_not),)
    return ()


def lacks_decompressor(host: Host, kernel: BootImage) -> bool:
    """Whether the running kernel is known to be unable to unpack the payload of `kernel`."""
    stream = kernel.stream
    return stream is not None and host.option(decompressor_option(stream.method)) is False


def _uki(image: Uki, accepted: tuple[str, ...]) -> Route:
    inner = image.linux
    if inner is None:
        return Route(Strategy.NONE, "the kernel inside the UKI is of an unknown format")
    if inner.format not in accepted and inner.stream is None:
        why = f"this kernel cannot load the format {inner.format} inside the UKI"
        return Route(Strategy.NONE, why)
    return Route(Strategy.SPLIT, "this kernel cannot load a UKI; its parts can be loaded")


def _by_parser(image: BootImage, dialect: Dialect, host: Host, *, refused: bool) -> Route | None:
    """Return the route through the kernel's parser interface; None where another one serves."""
    from warmboot.core.bpf.dialects import facts_of

    inner = _inner(image)
    lacks = "does not unpack this" if refused else ""
    if inner is not None and lacks_decompressor(host, inner):
        lacks = _NO_DECOMPRESSOR
    if isinstance(inner, Zboot) and inner.stream is not None and not inner.exact:
        lacks = (
            lacks or _NO_DECOMPRESSOR
        )  # a parser hands over what the header says, and the kernel wants the stream
    if facts_of(dialect).whole:
        if lacks:
            return None
        if isinstance(image, Zboot) and image.stream is not None:
            return Route(
                Strategy.PARSER, f"the kernel unpacks it itself, by a parser of dialect {dialect}"
            )
        if isinstance(image, Uki) and image.linux is not None:
            return Route(Strategy.PARSER, "the kernel splits the UKI itself, by parsers")
        return None
    return _with_parser(image, inner, lacks=lacks)


def _with_parser(image: BootImage, inner: BootImage | None, *, lacks: str) -> Route:
    """Return the route where a kernel is loaded only with a parser in its file."""
    from warmboot.core.bpf.carried import runs_carried

    only = "this kernel takes only images that carry a parser"
    if isinstance(inner, Zboot) and inner.stream is not None and not lacks:
        if runs_carried(inner):
            why = "the image carries a parser, so that the kernel can unpack it"
            return Route(Strategy.PARSER, why)
        return Route(Strategy.PARSER, f"{only}{_replaced(inner)}; it unpacks the payload itself")
    if isinstance(inner, RawImage):
        if runs_carried(inner):
            why = "the image carries a parser, which copies it for the kernel"
            return Route(Strategy.PARSER, why)
        return Route(Strategy.COPY, f"{only}{_replaced(inner)}")
    if isinstance(inner, Zboot | CompressedImage) and inner.stream is not None:
        able = lacks or "takes no bare"
        why = f"{only}; it {able} {inner.stream.method}, so warmboot unpacks it"
        return Route(Strategy.COPY, why)
    return Route(Strategy.NONE, f"{only}, and there is none for {image.format}")


def _inner(image: BootImage) -> BootImage | None:
    return image.linux if isinstance(image, Uki) else image


def _replaced(image: BootImage) -> str:
    from warmboot.core.bpf.carried import carried_by

    if carried_by(image) is None:
        return ""
    return "; the one that it carries does not fit, or was made by another tool, and is replaced"
