"""What every decoder is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from warmboot.core.errors import ImageError
from warmboot.core.hints import Protocol
from warmboot.core.images import View

#: Input is read in pieces of this many bytes.
CHUNK = 128 * 1024
#: A decoder hands out pieces of at most this many bytes, whatever the input. For larger ones memory
#: is taken from the kernel anew each time.
PIECE = 256 * 1024
#: Kernel builds use dictionaries of up to 128 MiB; liblzma needs a little more than that.
LZMA_MEMORY = 160 * 1024 * 1024

#: What a decompressor of the kernel takes at most beside its window or block, in bytes: tables,
#: buffers for input and output. Source: lib/decompress_*.c, lib/xz, lib/zstd.
WORK = 1 << 20

#: So many bytes at the end of an initrd are decoded one by one.
_LAST = 1024

#: A stream of more blocks is not looked at: real ones have blocks of 128 KiB and more, and each
#: takes some work, also where it holds nothing.
_BLOCKS = 300_000

Piece = bytes | bytearray | memoryview


class Source:
    """A compressed stream: `size` bytes of `view` from `offset`, read once from front to back.

    What `by_kernel` is to be unpacked by the kernel's decoder: what that does not take is refused.
    Where the stream is not `exact` it is a part of an initrd and is decoded as the kernel does it:
    something else may stand behind it, `end` is where it ended once it was decoded to its end,
    `doubts` are what the kernel does not look at and is wrong all the same, `option` is the
    build option without which the kernel cannot unpack it, beside that of its method.

    `behind` is how many bytes stood behind an exact stream and were accepted, once it was decoded.
    `unverified` says, once that was tried, why the stream's own check does not tell whether the
    content is whole; None where it does.
    """

    def __init__(
        self, view: View, offset: int, size: int, *, exact: bool = True, by_kernel: bool = False
    ) -> None:
        self._view = view.part(offset, size, "payload")
        self.size = size
        self.position = 0
        self.exact = exact
        self.by_kernel = by_kernel or not exact
        self.end: int | None = None
        self.unverified: str | None = None
        self.behind = 0
        self.doubts: list[str] = []
        self.option: str | None = None
        self._tail: int | None = None

    def first(self, size: int) -> Source:
        """Return the first `size` bytes as a source of its own."""
        return Source(self._view, 0, size)

    def next(self) -> bytes:
        """Return the next bytes for a decoder that takes any number; none at the end.

        Of an initrd the last ones come one by one: where its end is damaged, all that stands in
        front of the damage was decoded by then, and `left` tells what was not looked at.
        """
        if self.exact:
            return self.read(CHUNK)
        if self._tail is None:
            last = self.peek(max(0, self.size - CHUNK), CHUNK).rstrip(b"\0")
            self._tail = max(0, self.size - CHUNK) + max(0, len(last) - _LAST)
        before = self._tail - self.position
        return self.read(min(CHUNK, before) if before > 0 else 1 if before > -_LAST else CHUNK)

    def read(self, count: int = -1) -> bytes:
        """Return the next `count` bytes; fewer only at the end of the stream."""
        left = self.size - self.position
        count = left if count < 0 else min(count, left)
        data = self._view.read(self.position, count, "payload") if count else b""
        self.position += count
        return data

    def read_into(self, buffer: memoryview) -> int:
        """Fill `buffer` with the next bytes; return how many: fewer only at the end of the stream.

        Raises ImageError where the file is shorter than it was.
        """
        count = done = min(len(buffer), self.left)
        while done:
            got = self._view.readinto(self.position, buffer[count - done : count])
            if not got:
                buffer[count - done : count] = self.read(done)  # says what is wrong
                break
            self.position += got
            done -= got
        return count

    def peek(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes at `offset` of the stream without moving."""
        count = max(0, min(count, self.size - offset))
        return self._view.read(offset, count, "payload") if count else b""

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return self.size - self.position


#: A decoder turns a stream into pieces of its content, in order. A generator: it stops between
#: pieces whenever the caller does. It raises ImageError where the stream is damaged or truncated.
Decoder = Callable[[Source], Iterator[Piece]]


class NotDecodable(ImageError):
    """It cannot be decoded here; that says nothing of what the kernel can."""


class Lost(ImageError):
    """The kernel's decoder fails in a way that loses what it has decoded already."""


class NotTaken(ImageError):
    """The stream is sound, and the kernel's decompressor does not take it."""


def not_installed(method: str, library: str, install: str) -> NotDecodable:
    """Return the error for a method whose library this Python lacks; `install` is a command."""
    return NotDecodable(
        f"{method} payloads need the package {library}, which is not installed",
        hint=f"Install it with: {install}",
    )


def refused(method: str, detail: str) -> NotTaken:
    """Return the error for a sound stream that the kernel does not take."""
    return NotTaken(f"The kernel cannot unpack this {method} stream: {detail}")


def check_blocks(method: str, count: int) -> None:
    """Raise NotDecodable for a stream that is made of more blocks than anybody writes."""
    if count > _BLOCKS:
        raise NotDecodable(f"The {method} stream has more than {_BLOCKS} blocks")


def damaged(method: str, detail: str) -> ImageError:
    """Return the error for a stream that does not decode."""
    return ImageError(
        f"The {method} payload is damaged: {detail}",
        hint="The file is corrupt. Install the kernel again or choose another one.",
    )


def truncated(method: str) -> ImageError:
    """Return the error for a stream that ends too early."""
    return ImageError(
        f"The {method} payload is truncated: its end is missing",
        hint="The file is incomplete. Copy or install it again.",
    )


def check_trailing(method: str, trailing: bytes, produced: int) -> None:
    """Raise ImageError for bytes behind the stream that are not the appended size.

    Old build trees count the le32 of the uncompressed size as part of the payload; those four
    bytes, and zero padding up to four bytes, are accepted.
    """
    if not trailing.strip(b"\0"):
        if len(trailing) <= 4:
            return
    elif len(trailing) == 4 and int.from_bytes(trailing, "little") == produced & 0xFFFFFFFF:
        return
    raise damaged(method, f"{len(trailing)} bytes follow its end")


class Decompressor(Protocol):
    """What bz2 and lzma decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def drain(method: str, source: Source, decoder: Decompressor) -> Iterator[Piece]:
    """Yield all that `decoder` makes of `source`; raises what the decoder raises, or ImageError."""
    produced = 0
    while not decoder.eof:
        chunk = source.next() if decoder.needs_input else b""
        if decoder.needs_input and not chunk:
            raise truncated(method)
        piece = decoder.decompress(chunk, PIECE)
        produced += len(piece)
        if piece:
            yield piece
    finish(method, source, decoder.unused_data, produced)


def finish(method: str, source: Source, unused: bytes, produced: int) -> None:
    """Judge what stands behind the end of the stream: `unused` bytes and what is left to read."""
    behind = len(unused) + source.left
    if not source.exact:
        source.end = source.size - behind
        return
    source.behind = behind
    if behind > 4:
        raise damaged(method, f"{behind} bytes follow its end")
    check_trailing(method, unused + source.read(), produced)
