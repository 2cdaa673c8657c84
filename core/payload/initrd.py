"""What an initrd file holds: archives behind each other, each plain or compressed.

It is read as the kernel unpacks it, so that what is said of it is what the kernel would do with it.
Sources: init/initramfs.c (unpack_to_rootfs), lib/decompress.c and the decoders beside it;
Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.images import Method, View
from warmboot.core.images.compression import decompressor_option, detect_method, kernel_method
from warmboot.core.images.view import too_large
from warmboot.core.payload.archives import Initrd, Segment
from warmboot.core.payload.codecs import NotDecodable, Source, decoder_for
from warmboot.core.payload.cpio import (
    MAGICS,
    Contents,
    Keeper,
    Stopped,
    read_archive,
)
from warmboot.core.payload.streams import OutOfBound, PieceStream, Stream, ViewStream
from warmboot.core.progress import Cancel
from warmboot.core.text import plural

#: More content than this is not looked at; the kernel's own bound is the memory of the machine.
LIMIT = 8 << 30
_SEGMENTS = 1024
_HEAD = 16
_CHUNK = 1 << 16
_REMAINDER = 64  # bytes: what may be left of a stream whose end is damaged
_MICROCODE = "kernel/x86/microcode/"
#: What other programs know and the kernel does not, by its first bytes.
_FOREIGN = (
    (b"\x27\x05\x19\x56", "it begins with U-Boot's header, which no kernel knows"),
    (b"\x04\x22\x4d\x18", "it is lz4 in the frame format; the kernel knows the old one (lz4 -l)"),
    (b"070707", "it is a cpio archive of the old form (cpio -H odc)"),
)
UNKNOWN = "it is neither a cpio archive nor compressed in a way that the kernel knows"


def is_initrd(view: View) -> bool:
    """Whether a file is an initrd: an archive, or a compressed stream that starts with one."""
    head = view.head(_HEAD)
    if head[:6] in MAGICS:
        return True
    method = detect_method(head)
    if method is None:
        return False
    pieces = decoder_for(method)(Source(view, 0, view.size, exact=False))
    try:
        return PieceStream(pieces, LIMIT, None).take(6, "magic") in MAGICS
    except ImageError:
        return False


def form_of(head: bytes) -> tuple[Method | None, str | None]:
    """Return how the first archive is compressed (None: not at all), and what is wrong with it.

    `head` are the first bytes of the file. Nothing is unpacked.
    """
    if head[:6] in MAGICS or not head.strip(b"\0"):
        return None, None
    method = kernel_method(head.lstrip(b"\0"))
    return (method, None) if method else (None, _foreign(head) or UNKNOWN)


def read_initrd(
    view: View,
    *,
    head: int = 20,
    whole: bool = True,
    limit: int = LIMIT,
    cancel: Cancel | None = None,
    keeper: Keeper | None = None,
) -> Initrd:
    """Return what an initrd holds; damage is told in `problem`, with what was read before it.

    `head` names of each archive are kept. Unless `whole`, reading stops as soon as a kernel
    release is known. `limit` is how many bytes may be unpacked. `keeper` is told of every file.
    Raises Cancelled.
    """
    reader = _Reader(view, head, whole, limit, cancel, keeper)
    segments = tuple(reader.segments())
    warnings = [
        f"Archive {number}: {text}"
        for number, part in enumerate(segments, 1)
        for text in part.warnings
    ]
    releases = dict.fromkeys(release for part in segments for release in part.releases)
    needs = dict.fromkeys(option for part in segments for option in part.needs)
    problem = next((part.problem for part in segments if part.problem), reader.problem)
    return Initrd(
        size=view.size,
        segments=segments,
        releases=tuple(releases),
        problem=problem,
        unknown=reader.unknown,
        needs=tuple(needs),
        warnings=(*warnings, *reader.warnings),
    )


def mismatch(initrd: Initrd, release: str | None) -> str | None:
    """Return what to say where an initrd has modules, but none for the kernel `release`."""
    if release is None or not initrd.releases or release in initrd.releases:
        return None
    return f"The initrd has modules for {', '.join(initrd.releases)}, the kernel is {release}"


class _Reader:
    """Goes through a file as unpack_to_rootfs() does."""

    def __init__(
        self,
        view: View,
        head: int,
        whole: bool,
        limit: int,
        cancel: Cancel | None,
        keeper: Keeper | None,
    ) -> None:
        self.problem: str | None = None
        self.unknown = False
        self.warnings: list[str] = []
        self._view = view
        self._head = head
        self._whole = whole
        self._limit = limit
        self._cancel = cancel
        self._keeper = keeper
        self._folders: set[bytes] = set()
        self._links: set[bytes] = set()
        self._fresh = True  # nothing was unpacked yet: a member is expected at once

    def segments(self) -> Iterator[Segment]:
        """Yield archive after archive; zeros may stand between them."""
        self.problem = too_large(self._view)
        if self.problem is not None:
            return
        position, plain = 0, False
        for count in range(_SEGMENTS + 1):
            position = _behind_zeros(self._view, position, self._cancel)
            if position >= self._view.size:
                if not count:
                    self.problem = "it is empty" if not self._view.size else "it holds only zeros"
                return
            if count == _SEGMENTS:
                self.warnings.append(f"Only its first {_SEGMENTS} archives were looked at")
                return
            segment = self._segment(position, after_plain=plain)
            if segment is None:
                self._strange(position, first=not count)
                return
            yield segment
            if segment.size is None or segment.problem:
                return
            position += segment.size
            plain = segment.method is None

    def _segment(self, position: int, *, after_plain: bool) -> Segment | None:
        """Read the archive at `position`; None where nothing of a known form stands there."""
        view = self._view
        start = view.read(position, min(_HEAD, view.size - position), "archive")
        plain = start[:6] in MAGICS
        method = None if plain else kernel_method(start)
        if not plain and method is None:
            return None
        if position % 4 and (plain or after_plain):
            what = "not compressed" if plain else "behind one that is not compressed"
            problem = (
                f"the archive at offset {position:#x} is {what}, so it must start at a multiple "
                "of 4 bytes; the kernel stops there"
            )
            return Segment(position, method=method, problem=problem)
        if method is None:
            return self._plain(position)
        segment = self._packed(position, method)
        self._limit -= segment.unpacked
        return segment

    def _strange(self, position: int, *, first: bool) -> None:
        """Say what stands at `position` that has no known form."""
        start = self._view.read(position, min(_HEAD, self._view.size - position), "archive")
        foreign = _foreign(start)
        if first:
            self.unknown = foreign is None
            self.problem = foreign or f"{UNKNOWN}; the kernel will most likely panic"
        elif foreign:
            self.problem = f"at offset {position:#x}: {foreign}"
        else:
            self.warnings.append(
                f"{plural(self._view.size - position, 'byte')} at offset {position:#x} are no "
                "archive that the kernel knows: it stops there with a message, and old kernels "
                "with CONFIG_BLK_DEV_RAM drop the whole initrd"
            )

    def _plain(self, offset: int) -> Segment:
        stream = ViewStream(self._view, offset)
        contents, problem, doubts = self._read(stream)
        length = stream.position - offset if contents.ended else None
        return _segment(contents, doubts, offset=offset, size=length, problem=problem)

    def _packed(self, offset: int, method: Method) -> Segment:
        source = Source(self._view, offset, self._view.size - offset, exact=False)
        stream = PieceStream(decoder_for(method)(source), self._limit, self._cancel)
        contents, problem, doubts = self._read(stream)
        if contents.stopped is not None:
            problem, doubts = _stopped(contents.stopped, stream, source)
        needs = [decompressor_option(method), *filter(None, [source.option])]
        doubts += source.doubts
        return _segment(
            contents,
            doubts,
            offset=offset,
            size=source.end,
            method=method,
            unpacked=stream.position,
            problem=problem,
            needs=tuple(needs),
        )

    def _read(self, stream: Stream) -> tuple[Contents, str | None, list[str]]:
        contents = Contents(folders=self._folders, links=self._links, keeper=self._keeper)
        fresh, self._fresh = self._fresh, False
        try:
            for _ in read_archive(stream, contents, self._head, fresh=fresh):
                if self._cancel is not None and not contents.members % 256:
                    self._cancel.check()
                enough = contents.releases and len(contents.names) >= self._head
                if not self._whole and enough:
                    break
        except Stopped as error:
            contents.stopped = error.message
            contents.ended = True
            return contents, None, list(contents.doubts())
        except (NotDecodable, OutOfBound) as error:
            return contents, None, [f"not read to its end: {error.message}"]
        except ImageError as error:
            return contents, error.message, []
        return contents, None, list(contents.doubts())


def _stopped(reason: str, stream: PieceStream, source: Source) -> tuple[str | None, list[str]]:
    """Return problem and doubts where the kernel stops behind the end mark of an archive.

    What it did not look at is harmless where it is too short to be an archive.
    """
    with contextlib.suppress(ImageError):
        stream.drain()
    start = source.position if source.end is None else source.end
    behind = source.peek(start, _CHUNK).rstrip(b"\0")
    if source.size - start > _CHUNK or len(behind) > _REMAINDER or MAGICS[0][:5] in behind:
        return f"{reason}; the kernel reads nothing of what follows", []
    return None, [f"{reason}; the kernel says so and goes on with what it has"]


def _foreign(head: bytes) -> str | None:
    return next((text for magic, text in _FOREIGN if head.startswith(magic)), None)


def _behind_zeros(view: View, position: int, cancel: Cancel | None) -> int:
    """Return where the zeros that may pad an archive end."""
    while position < view.size:
        if cancel is not None:
            cancel.check()
        chunk = view.read(position, min(_CHUNK, view.size - position), "padding")
        rest = chunk.lstrip(b"\0")
        position += len(chunk) - len(rest)
        if rest:
            break
    return position


def _segment(
    contents: Contents,
    doubts: list[str],
    *,
    offset: int,
    size: int | None,
    problem: str | None,
    method: Method | None = None,
    unpacked: int = 0,
    needs: tuple[str, ...] = (),
) -> Segment:
    return Segment(
        offset=offset,
        size=size,
        method=method,
        unpacked=unpacked,
        members=contents.members,
        names=tuple(contents.names),
        releases=tuple(contents.releases),
        microcode=any(name.startswith(_MICROCODE) for name in contents.names),
        complete=contents.ended,
        problem=problem,
        needs=needs,
        warnings=tuple(doubts),
    )
