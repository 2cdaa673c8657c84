"""One decoder per compression method, each a generator over a bounded stream.

The decoder of a method is ``decode`` of the module that has the method's name; it is imported when
the first stream of that method is met. What the kernel's own decoder takes is ``kernel_memory``.
"""

import importlib
from collections.abc import Mapping

from warmboot.core.errors import ImageError
from warmboot.core.images import Method, Stream, View
from warmboot.core.payload.codecs.base import Decoder, Lost, NotDecodable, NotTaken, Piece, Source


def decoder_for(method: Method) -> Decoder:
    """Return the decoder of a method."""
    decode: Decoder = importlib.import_module(f"{__name__}.{method.value}").decode
    return decode


def kernel_memory(view: View, stream: Stream) -> int:
    """Return the bytes that the kernel's decompressor of a stream takes beside its output.

    That is its window and its work area where the output goes out in pieces; told by the stream's
    header alone. Raises ImageError where that is damaged.
    """
    module = importlib.import_module(f"{__name__}.{stream.method.value}")
    return int(module.kernel_memory(Source(view, stream.offset, stream.size)))


def kernel_refusal(view: View, stream: Stream, options: Mapping[str, str] | None) -> str | None:
    """Return why the kernel's decompressor does not take a stream, None where it may.

    Its headers and its first piece are looked at: checks, windows, filters. `options` are the
    build options of the kernel that is to unpack it, None where they are not known.
    """
    source = Source(view, stream.offset, stream.size, by_kernel=True)
    try:
        next(decoder_for(stream.method)(source), None)
    except NotTaken as error:
        return error.message
    except ImageError:
        pass  # damaged, or not to be decoded here: unpacking it tells
    option = source.option
    if option is not None and options is not None and options.get(option) != "y":
        return f"The kernel lacks CONFIG_{option}, which the {stream.method} payload needs"
    return None


__all__ = [
    "Decoder",
    "Lost",
    "NotDecodable",
    "Piece",
    "Source",
    "decoder_for",
    "kernel_memory",
    "kernel_refusal",
]
