"""What kernel comes out of an image? Streaming decompression into memory files."""

from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import LIMIT, Payload, unpack

__all__ = ["LIMIT", "MemFile", "Payload", "unpack"]
