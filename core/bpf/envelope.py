"""A boot image with a parser in it: the PE file that a kernel with CONFIG_KEXEC_BPF takes apart.

The image keeps every byte that the EFI loader and the kernel look at, and is checked for that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from warmboot.core.bpf.pe_layout import Layout, Piece, plan_layout
from warmboot.core.errors import ImageError
from warmboot.core.images import View
from warmboot.core.progress import Cancel
from warmboot.core.values import dataclass

Write = Callable[[bytes | bytearray | memoryview], None]

#: Files are read in pieces of this many bytes.
CHUNK = 1 << 20


@dataclass(frozen=True)
class EnvelopeReport:
    """What became of the file; offsets and sizes in bytes.

    `moved` is how far the sections' contents moved back, `payload_offset` the zboot header's new
    value (None for other images), `certificates` the size of the signatures that were left out,
    `replaced` that of an older parser, `trailing` the data behind the sections that was kept.
    """

    size: int
    parser_offset: int
    parser_address: int
    parser_size: int
    moved: int
    payload_offset: int | None
    certificates: int
    replaced: int
    trailing: int

    @property
    def signature_lost(self) -> bool:
        """Whether the original was signed: the result is not, and has to be signed again."""
        return self.certificates > 0


def envelope(
    view: View, parser: bytes, write: Write, *, replace: bool = False, cancel: Cancel | None = None
) -> EnvelopeReport:
    """Write the PE file in `view` with `parser` as its `.bpf` section, front to back, in pieces.

    `parser` is the object file. Raises ImageError where the file cannot take it (see
    plan_layout), Cancelled, and what `write` raises.
    """
    layout = plan_layout(view, len(parser), replace=replace)
    checksum = Checksum()
    for chunk in _content(view, layout, parser, cancel):
        checksum.feed(chunk)
    position = 0
    for chunk in _content(view, layout, parser, cancel):
        if position <= layout.checksum < position + len(chunk):
            part = bytearray(chunk)
            struct.pack_into("<I", part, layout.checksum - position, checksum.value)
            write(part)
        else:
            write(chunk)
        position += len(chunk)
    return EnvelopeReport(
        size=layout.size,
        parser_offset=layout.parser_offset,
        parser_address=layout.parser_address,
        parser_size=len(parser),
        moved=layout.moved,
        payload_offset=layout.payload_offset,
        certificates=layout.certificates,
        replaced=layout.replaced,
        trailing=layout.trailing,
    )


class Checksum:
    """The checksum of a PE file whose checksum field is 0, fed in pieces.

    It is the one's complement sum of all 16-bit words plus the length. That sum is the remainder
    of the file, read as one number, by 0xffff; a byte at an odd place counts 256 times as much.
    """

    def __init__(self) -> None:
        self._sum = 0
        self._size = 0

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Go on with `chunk`."""
        self._sum += int.from_bytes(chunk, "little") % 0xFFFF << 8 * (self._size & 1)
        self._size += len(chunk)

    @property
    def value(self) -> int:
        """The checksum of what was fed."""
        return (self._sum % 0xFFFF or 0xFFFF) + self._size & 0xFFFFFFFF


def _content(
    view: View, layout: Layout, parser: bytes, cancel: Cancel | None
) -> Iterator[bytes | memoryview]:
    """Yield the new file, its checksum still 0. The pieces share a buffer: use each at once."""
    parts: list[tuple[int, bytes | Piece]] = [(0, layout.head), (layout.parser_offset, parser)]
    parts += [(piece.new, piece) for piece in layout.pieces]
    position = 0
    for start, part in sorted(parts, key=lambda part: part[0]):
        yield bytes(start - position)
        if isinstance(part, Piece):
            yield from read_pieces(view, part.old, part.size, cancel)
            position = start + part.size
        else:
            yield part
            position = start + len(part)
    yield bytes(layout.size - position)


def read_pieces(
    view: View, offset: int, size: int, cancel: Cancel | None = None
) -> Iterator[memoryview]:
    """Yield `size` bytes of `view` in pieces that share a buffer; raises ImageError, Cancelled."""
    buffer = memoryview(bytearray(min(CHUNK, size)))
    end = offset + size
    while offset < end:
        if cancel is not None:
            cancel.check()
        count = view.readinto(offset, buffer[: min(len(buffer), end - offset)])
        if not count:
            raise ImageError(
                "The file became shorter while it was read",
                offset=view.base + offset,
                hint="Something else is writing to the file. Try again when it has finished.",
            )
        yield buffer[:count]
        offset += count
