"""What kernel comes out of an image? Streaming decompression into memory files."""

from warmboot.core.payload.examine import examine, kernel_inside
from warmboot.core.payload.memfile import MemFile
from warmboot.core.payload.unpack import LIMIT, Payload, decompress, unpack

__all__ = ["LIMIT", "MemFile", "Payload", "decompress", "examine", "kernel_inside", "unpack"]
