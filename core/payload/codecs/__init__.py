"""One decoder per compression method, each a generator over a bounded stream."""

from warmboot.core.images import Method
from warmboot.core.payload.codecs import bzip2, gzip, lz4, lzo, xz, zstd
from warmboot.core.payload.codecs.base import Decoder, Piece, Source

DECODERS: dict[Method, Decoder] = {
    Method.GZIP: gzip.decode,
    Method.ZSTD: zstd.decode,
    Method.LZ4: lz4.decode,
    Method.LZMA: xz.decode_lzma,
    Method.LZO: lzo.decode,
    Method.XZ: xz.decode_xz,
    Method.BZIP2: bzip2.decode,
}

__all__ = ["DECODERS", "Decoder", "Piece", "Source"]
