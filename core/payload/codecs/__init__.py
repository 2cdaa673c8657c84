"""One decoder per compression method, each a generator over a bounded stream.

The decoder of a method is ``decode`` of the module that has the method's name; it is imported when
the first stream of that method is met.
"""

import importlib

from warmboot.core.images import Method
from warmboot.core.payload.codecs.base import Decoder, Lost, NotDecodable, Piece, Source


def decoder_for(method: Method) -> Decoder:
    """Return the decoder of a method."""
    decode: Decoder = importlib.import_module(f"{__name__}.{method.value}").decode
    return decode


__all__ = ["Decoder", "Lost", "NotDecodable", "Piece", "Source", "decoder_for"]
