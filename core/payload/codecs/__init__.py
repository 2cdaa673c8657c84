"""One decoder per compression method, each a generator over a bounded stream.

The decoder of a method is ``decode`` of the module that has the method's name; it is imported when
the first stream of that method is met. What the kernel's own decoder takes is ``kernel_memory``.
"""

import importlib

from warmboot.core.images import Method, Stream, View
from warmboot.core.payload.codecs.base import Decoder, Lost, NotDecodable, Piece, Source


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


__all__ = ["Decoder", "Lost", "NotDecodable", "Piece", "Source", "decoder_for", "kernel_memory"]
