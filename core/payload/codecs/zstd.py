"""Zstandard (RFC 8878), decoded by the zstandard package.

The package returns short, without an error, when a stream is cut off. So the block headers are
walked first: they alone tell whether the last block and the checksum are there.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.hints import TYPE_CHECKING, Any, cast
from warmboot.core.payload.codecs.base import (
    CHUNK,
    WORK,
    NotDecodable,
    Piece,
    Source,
    check_blocks,
    damaged,
    finish,
    not_installed,
    refused,
    truncated,
)

if TYPE_CHECKING:
    import zstandard

_MAGIC = b"\x28\xb5\x2f\xfd"
_WINDOW = 128 * 1024 * 1024  # what zstd -22 --ultra uses; the kernel allows no more
_AT_ONCE = 128 * 1024  # content of a known size up to this is unpacked without a window
_OUT = 256 * 1024
_KERNEL_OUT = 128 * 1024  # ZSTD_IOBUF_SIZE


def decode(source: Source) -> Iterator[Piece]:
    """Yield the content of one zstd frame, in a buffer that is reused: use each piece at once."""
    try:
        import zstandard
    except ImportError as error:
        raise _not_installed() from error
    end = frame_end(source)
    cut = end > source.size  # in the checksum of a part of an initrd: all content is there
    if source.by_kernel:
        _check_header(source)
    frame = source.first(min(end, source.size))
    context = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    buffer = bytearray(_OUT if source.exact else _KERNEL_OUT)
    window = memoryview(buffer)
    produced = 0
    held = b""  # the kernel loses a buffer where the next one ends in an error
    with context.stream_reader(cast("Any", frame), read_size=CHUNK) as reader:
        while True:
            try:
                count = reader.readinto(buffer)
            except zstandard.ZstdError as error:
                raise damaged("zstd", str(error)) from error
            source.position = frame.position
            if not count:
                break
            produced += count
            if source.exact:
                yield window[:count]
                continue
            if held:
                yield held
            held = bytes(window[:count])
    if held:
        yield held
    if cut:
        raise truncated("zstd")
    finish("zstd", source, b"", produced)


def kernel_memory(source: Source) -> int:
    """The window of the frame, which is the whole content where the frame has none."""
    return int(_frame_header(source).window_size) + WORK


def _frame_header(source: Source) -> zstandard.FrameParameters:
    try:
        import zstandard
    except ImportError as error:
        raise _not_installed() from error
    try:
        return zstandard.get_frame_parameters(source.peek(0, 18))
    except zstandard.ZstdError as error:
        raise damaged("zstd", str(error)) from error


def _not_installed() -> NotDecodable:
    return not_installed("zstd", "zstandard", "apt-get install python3-zstandard")


def _check_header(source: Source) -> None:
    """Raise ImageError for a frame that the kernel refuses; see ZSTD_decompressStream()."""
    header = _frame_header(source)
    if header.dict_id:
        raise refused("zstd", "it needs a dictionary")
    if header.window_size > _WINDOW and header.content_size > _AT_ONCE:
        raise refused(
            "zstd", f"its window is {header.window_size >> 20} MiB; the kernel's limit is 128 MiB"
        )  # fmt: skip


def frame_end(source: Source) -> int:
    """Return the length of the first frame in bytes; raise ImageError where it is cut off.

    In an initrd its checksum may be: that is the last that the kernel looks at.
    """
    head = source.peek(0, 6)
    if head[:4] != _MAGIC:
        raise damaged("zstd", "it does not start with the zstd magic")
    if len(head) < 6:
        raise truncated("zstd")
    descriptor = head[4]
    single = descriptor >> 5 & 1
    content = (single, 2, 4, 8)[descriptor >> 6]
    position = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + content
    last, blocks = False, 0
    while not last:
        blocks += 1
        check_blocks("zstd", blocks)
        block = source.peek(position, 3)
        if len(block) < 3:
            raise truncated("zstd")
        header = int.from_bytes(block, "little")
        last, kind, count = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == 3:
            raise damaged("zstd", f"reserved block type at {position:#x} of the stream")
        position += 3 + (1 if kind == 1 else count)
    end = position + (4 if descriptor & 4 else 0)
    if end > source.size and (source.exact or position > source.size):
        raise truncated("zstd")
    return end
