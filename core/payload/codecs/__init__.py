"""One decoder per compression method, each a generator over a bounded stream."""

from warmboot.core.images import Method
from warmboot.core.payload.codecs import gzip, zstd
from warmboot.core.payload.codecs.base import Decoder, Piece, Source

DECODERS: dict[Method, Decoder] = {
    Method.GZIP: gzip.decode,
    Method.ZSTD: zstd.decode,
}

__all__ = ["DECODERS", "Decoder", "Piece", "Source"]
