"""What an initrd file holds: archives behind each other, each plain or compressed.

Source: Documentation/driver-api/early-userspace/buffer-format.rst; init/initramfs.c
(unpack_to_rootfs) for what may stand between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from warmboot.core.errors import ImageError
from warmboot.core.images import Fact, Method, View
from warmboot.core.images.compression import detect_method
from warmboot.core.payload.codecs import Source, decoder_for
from warmboot.core.payload.cpio import (
    MAGICS,
    Contents,
    PieceStream,
    Stream,
    ViewStream,
    read_archive,
)
from warmboot.core.payload.unpack import LIMIT
from warmboot.core.progress import Cancel
from warmboot.core.text import plural, size

_SEGMENTS = 64
_PADDING = 1 << 20
_MICROCODE = "kernel/x86/microcode/"


@dataclass(frozen=True, slots=True)
class Segment:
    """One archive of an initrd: `size` bytes of the file from `offset`.

    `size` is None where its end was not looked for. `method` is None for a plain archive.
    `unpacked` is how many bytes were unpacked, `members` how many files were seen, `names` the
    first of them. `complete` is False where reading stopped before the archive's end; `problem`
    says what is wrong with it.
    """

    offset: int
    size: int | None
    method: Method | None
    unpacked: int
    members: int
    names: tuple[str, ...]
    releases: tuple[str, ...]
    microcode: bool
    complete: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Initrd:
    """An initrd file of `size` bytes; `releases` are the kernels it has modules for."""

    size: int
    segments: tuple[Segment, ...]
    releases: tuple[str, ...]
    problem: str | None

    def describe(self) -> tuple[Fact, ...]:
        """Return everything known, as lines for a person."""
        facts = [
            Fact("Format", "initrd"),
            Fact("File size", f"{size(self.size)} ({self.size} bytes)"),
        ]
        for number, part in enumerate(self.segments, 1):
            facts.append(Fact(f"Archive {number}", _describe(part)))
        facts.append(Fact("Modules for", " ".join(self.releases) or "no kernel"))
        if self.problem:
            facts.append(Fact("Problem", self.problem))
        return tuple(facts)


def _describe(part: Segment) -> str:
    packed = f"cpio, {part.method}" if part.method else "cpio, not compressed"
    length = "" if part.size is None else f", {size(part.size)}"
    files = plural(part.members, "file")
    seen = files if part.complete else f"{files} up to where reading stopped"
    early = ", early microcode" if part.microcode else ""
    more = f", {size(part.unpacked)} unpacked" if part.method else ""
    return f"{packed}{early}{length}{more}, {seen}"


def is_initrd(view: View) -> bool:
    """Whether a file is an initrd: an archive, or a compressed stream that starts with one."""
    head = view.head(16)
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


def read_initrd(
    view: View,
    *,
    head: int = 20,
    whole: bool = True,
    limit: int = LIMIT,
    cancel: Cancel | None = None,
) -> Initrd:
    """Return what an initrd holds; damage is told in `problem`, with what was read before it.

    `head` names of each archive are kept. Unless `whole`, reading stops as soon as a kernel
    release is known. `limit` is how many bytes may be unpacked. Raises Cancelled.
    """
    segments: list[Segment] = []
    problem = None
    for segment in _segments(view, head, whole, limit, cancel):
        segments.append(segment)
        problem = segment.problem
        if problem or segment.size is None:
            break
    else:
        if not segments:
            problem = "it is neither a cpio archive nor compressed in a way that warmboot knows"
    releases = dict.fromkeys(release for part in segments for release in part.releases)
    return Initrd(view.size, tuple(segments), tuple(releases), problem)


def mismatch(initrd: Initrd, release: str | None) -> str | None:
    """Return what to say where an initrd has modules, but none for the kernel `release`."""
    if release is None or not initrd.releases or release in initrd.releases:
        return None
    return f"The initrd has modules for {', '.join(initrd.releases)}, the kernel is {release}"


def _segments(
    view: View, head: int, whole: bool, limit: int, cancel: Cancel | None
) -> Iterator[Segment]:
    """Yield archive after archive; zeros may stand between them."""
    position = 0
    for _ in range(_SEGMENTS):
        position = _behind_zeros(view, position)
        if position >= view.size:
            return
        start = view.read(position, min(16, view.size - position), "archive")
        method = detect_method(start)
        if start[:6] in MAGICS:
            segment = _plain(view, position, head, whole, cancel)
        elif method is not None:
            segment = _packed(view, position, method, head, whole, limit, cancel)
            limit -= segment.unpacked
        else:
            problem = f"what stands at offset {position:#x} is not an archive that the kernel knows"
            yield Segment(position, None, None, 0, 0, (), (), False, False, problem)
            return
        yield segment
        if segment.size is None or segment.problem:
            return
        position += segment.size
    return


def _behind_zeros(view: View, position: int) -> int:
    """Return where the zeros that may pad an archive end."""
    end = min(view.size, position + _PADDING)
    while position < end:
        chunk = view.read(position, min(4096, end - position), "padding")
        rest = chunk.lstrip(b"\0")
        position += len(chunk) - len(rest)
        if rest:
            break
    return position


def _plain(view: View, offset: int, head: int, whole: bool, cancel: Cancel | None) -> Segment:
    stream = ViewStream(view.part(offset, view.size - offset, "archive"))
    contents, problem = _read(stream, head, whole, cancel)
    length = stream.position if contents.ended else None
    return _segment(offset, length, None, 0, contents, problem)


def _packed(
    view: View,
    offset: int,
    method: Method,
    head: int,
    whole: bool,
    limit: int,
    cancel: Cancel | None,
) -> Segment:
    source = Source(view, offset, view.size - offset, exact=False)
    stream = PieceStream(decoder_for(method)(source), limit, cancel)
    contents, problem = _read(stream, head, whole, cancel)
    if contents.ended and problem is None:
        try:
            stream.drain()
        except ImageError as error:
            problem = error.message
    return _segment(offset, source.end, method, stream.position, contents, problem)


def _read(
    stream: Stream, head: int, whole: bool, cancel: Cancel | None
) -> tuple[Contents, str | None]:
    contents = Contents()
    try:
        for contents in read_archive(stream, head):
            if cancel is not None and not contents.members % 256:
                cancel.check()
            if not whole and contents.releases and len(contents.names) >= head:
                break
    except ImageError as error:
        return contents, error.message
    return contents, None


def _segment(
    offset: int,
    length: int | None,
    method: Method | None,
    unpacked: int,
    contents: Contents,
    problem: str | None,
) -> Segment:
    return Segment(
        offset=offset,
        size=length,
        method=method,
        unpacked=unpacked,
        members=contents.members,
        names=tuple(contents.names),
        releases=tuple(contents.releases),
        microcode=any(name.startswith(_MICROCODE) for name in contents.names),
        complete=contents.ended,
        problem=problem,
    )
