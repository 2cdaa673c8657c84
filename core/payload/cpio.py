"""cpio archives as the kernel unpacks them: the newc form, read front to back.

What it takes is not what cpio(1) writes: an archive needs no end mark, members may follow one,
numbers are read as far as they are numbers. Sources: init/initramfs.c (do_header, do_name, do_copy,
do_reset); Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from warmboot.core.errors import ImageError
from warmboot.core.images import View
from warmboot.core.payload.codecs import Lost, NotDecodable, Piece
from warmboot.core.progress import Cancel
from warmboot.core.text import plural, printable

MAGICS = (b"070701", b"070702")
_SUMMED = b"070702"
_OLD = b"070707"
_HEADER = 110
_NAME_LIMIT = 4096  # PATH_MAX, which the kernel holds names and link targets to
_RELEASES = 32
_FOLDERS = 200_000  # paths that are remembered; a real initrd has some thousands
_CHUNK = 1 << 16
_TRAILER = b"TRAILER!!!"
_MODULES = re.compile(rb"(?:usr/)?lib/modules/([^/]+)/.")
_ZERO = ord("0")  # what the magic of a member begins with
_DIGITS = re.compile(rb"(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]*)")
#: What is in the root file system before any initrd; source: usr/default_cpio_list.
_THERE = frozenset((b"", b".", b"dev", b"root"))


class Stopped(ImageError):
    """The kernel has every file of the archive, complains of what follows, and reads no further."""


class OutOfBound(ImageError):
    """More content than is looked at: it says nothing of what the kernel would do."""


class Stream(Protocol):
    """Bytes in order; `take` and `skip` raise ImageError where they end too early.

    `padding` goes over zeros and returns the byte behind them, None at the end. `rest` goes over
    up to so many bytes that may be missing. `complete`: the kernel notices where it breaks off.
    """

    position: int
    complete: bool

    def take(self, count: int, what: str) -> bytes: ...

    def skip(self, count: int) -> None: ...

    def padding(self) -> int | None: ...

    def rest(self, count: int) -> None: ...


class ViewStream:
    """A stream over an uncompressed part of a file: what is skipped is not read."""

    complete = False

    def __init__(self, view: View, position: int) -> None:
        self._view = view
        self.position = position

    def take(self, count: int, what: str) -> bytes:
        if count > self._view.size - self.position:
            raise ImageError(f"The archive ends before its {what}", offset=self.position)
        data = self._view.read(self.position, count, what)
        self.position += count
        return data

    def skip(self, count: int) -> None:
        if count > self._view.size - self.position:
            raise ImageError("The archive ends in the middle of a file", offset=self.position)
        self.position += count

    def padding(self) -> int | None:
        while self.position < self._view.size:
            count = min(_CHUNK, self._view.size - self.position)
            rest = self._view.read(self.position, count, "padding").lstrip(b"\0")
            self.position += count - len(rest)
            if rest:
                return rest[0]
        return None

    def rest(self, count: int) -> None:
        self.position += min(count, self._view.size - self.position)


class PieceStream:
    """A stream over what a decoder yields; more than `limit` bytes are not looked at."""

    complete = True

    def __init__(self, pieces: Iterator[Piece], limit: int, cancel: Cancel | None) -> None:
        self._pieces = pieces
        self._limit = limit
        self._cancel = cancel
        self._piece = memoryview(b"")
        self._produced = 0
        self.position = 0

    def take(self, count: int, what: str) -> bytes:
        parts = []
        wanted = count
        while wanted:
            part = self._next(wanted)
            if not part:
                raise ImageError(f"The archive ends before its {what}")
            parts.append(bytes(part))
            wanted -= len(part)
        return b"".join(parts)

    def skip(self, count: int) -> None:
        while count:
            part = self._next(count)
            if not part:
                raise ImageError("The archive ends in the middle of a file")
            count -= len(part)

    def padding(self) -> int | None:
        while self._fill():
            rest = bytes(self._piece[:_CHUNK]).lstrip(b"\0")
            count = min(_CHUNK, len(self._piece)) - len(rest)
            self._piece = self._piece[count:]
            self.position += count
            if rest:
                return rest[0]
        return None

    def rest(self, count: int) -> None:
        self.skip(count)

    def drain(self) -> None:
        """Decode what is left."""
        while self._next(_CHUNK):
            pass

    def _next(self, count: int) -> memoryview:
        """Return up to `count` of the next bytes, none at the end."""
        if not self._fill():
            return memoryview(b"")
        part, self._piece = self._piece[:count], self._piece[count:]
        self.position += len(part)
        return part

    def _fill(self) -> bool:
        """Have a byte ready; False at the end of the stream."""
        while not self._piece:
            if self._cancel is not None:
                self._cancel.check()
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._produced += len(piece)
            if self._produced > self._limit:
                raise OutOfBound(f"it unpacks to more than {self._limit} bytes")
            self._piece = memoryview(piece)
        return True


@dataclass(slots=True)
class Contents:
    """What an archive holds, as far as it was read.

    `names` are the first ones, printable; `members` counts all; `releases` are the kernels with a
    file in lib/modules. `folders` and `links` are the paths that files may be in, kept from archive
    to archive. `ended` says whether the archive's end was reached, `marked` that it has an end
    mark; `left_out` counts members that the kernel passes over, `lost` those whose folder is not
    there. `stopped` is why the kernel reads no further, though it has the archive.
    """

    names: list[str] = field(default_factory=list)
    members: int = 0
    releases: list[str] = field(default_factory=list)
    folders: set[bytes] = field(default_factory=set)
    links: set[bytes] = field(default_factory=set)
    ended: bool = False
    marked: bool = False
    summed: bool = False
    left_out: int = 0
    lost: int = 0
    stopped: str | None = None

    def doubts(self) -> Iterator[str]:
        """Yield what the kernel does not complain of, and a person should know."""
        if self.ended and not self.marked and self.members:
            yield "the archive has no end mark: it may have been cut off between two files"
        if self.left_out:
            yield f"the kernel passes over {plural(self.left_out, 'member')} of the archive"
        if self.lost:
            files = plural(self.lost, "file")
            yield f"{files} will be missing: the archive does not have the folder for it"


class _Member(NamedTuple):
    """A header that was read; `checksum` is None in the form that has none."""

    name: bytes
    mode: int
    size: int
    checksum: int | None


def read_archive(
    stream: Stream, contents: Contents, head: int, *, fresh: bool
) -> Iterator[Contents]:
    """Yield what is known of an archive after each member, until its end mark or the last byte.

    In a compressed stream members may follow an end mark, as the kernel has it: there it ends with
    the stream. `fresh`: nothing came before, so that a member is expected at once. `head` is how
    many names are kept. Raises ImageError for what the kernel refuses or loses. The caller stops
    whenever it knows enough.
    """
    while fresh or _more(stream, contents):
        fresh = False
        member = _header(stream)
        contents.summed |= member.checksum is not None
        if member.name == _TRAILER:
            contents.marked = True
        else:
            _note(member, contents, head)
            yield contents
        _body(stream, member)
        if contents.marked and not stream.complete:
            break
    contents.ended = True
    yield contents


def _more(stream: Stream, contents: Contents) -> bool:
    """Whether another member follows; zeros may stand in front of it.

    Raises ImageError where something else does, or what cannot be decoded: Stopped where the
    archive's end mark was seen before.
    """
    try:
        following = stream.padding()
    except (OutOfBound, NotDecodable, Lost):
        raise
    except ImageError as error:
        if contents.marked:
            raise Stopped(error.message) from error
        raise
    if following is None:
        return False
    if following != _ZERO and contents.marked:
        raise Stopped("no archive follows in the same stream, but something else")
    if stream.position % 4:
        raise ImageError(
            "What follows a file of the archive does not stand at a multiple of 4 bytes",
            offset=stream.position,
        )
    return True


def _header(stream: Stream) -> _Member:
    """Read a header and a name."""
    start = stream.position
    header = stream.take(_HEADER, "next file")
    if header[:6] not in MAGICS:
        what = "is of the old form (cpio -H odc)" if header[:6] == _OLD else "has no newc header"
        raise ImageError(f"A file of the archive {what}", offset=start)
    mode, size, length = (_number(header[at : at + 8]) for at in (14, 54, 94))
    checksum = _number(header[102:110]) if header[:6] == _SUMMED else None
    if not 0 < length <= _NAME_LIMIT or (_linked(mode) and size > _NAME_LIMIT):
        # What has no name, or one too long, is passed over without a word.
        stream.rest(min(_aligned(length), 1 << 33))
        return _Member(b"", 0, size, None)
    name = stream.take(_aligned(length), "name")[:length]
    if name[-1]:
        raise ImageError("A name in the archive does not end", offset=start)
    return _Member(name.split(b"\0", 1)[0], mode, size, checksum)


def _number(text: bytes) -> int:
    """Read hexadecimal digits as far as there are any; see simple_strtoul()."""
    found = _DIGITS.match(text)
    return int(found[1] or b"0", 16) if found else 0


def _aligned(length: int) -> int:
    """Return how many bytes a name takes, so that the content starts at a multiple of 4."""
    return length + -(_HEADER + length) % 4


def _linked(mode: int) -> bool:
    return stat.S_ISLNK(mode)


def _note(member: _Member, contents: Contents, head: int) -> None:
    contents.members += 1
    regular = stat.S_ISREG(member.mode)
    if not member.name or (member.size and not regular and not _linked(member.mode)):
        contents.left_out += 1
        return
    if len(contents.names) < head:
        contents.names.append(printable(member.name, 1024))
    path = member.name.strip(b"/").removeprefix(b"./")
    folder = path.rpartition(b"/")[0]
    known = contents.folders if stat.S_ISDIR(member.mode) else contents.links
    if folder not in _THERE and folder not in contents.folders:
        full = len(contents.folders) >= _FOLDERS
        contents.lost += not (full or _behind_link(folder, contents.links))
    if not regular and len(known) < _FOLDERS:
        known.add(path)
    found = _MODULES.match(path)
    if found and len(contents.releases) < _RELEASES:
        release = printable(found[1], 256)
        if release not in contents.releases:
            contents.releases.append(release)


def _behind_link(folder: bytes, links: set[bytes]) -> bool:
    """Whether a folder's path leads over a symbolic link: where to is not followed."""
    while folder and folder not in links:
        folder = folder.rpartition(b"/")[0]
    return bool(folder)


def _body(stream: Stream, member: _Member) -> None:
    """Go over a member's content, and check it where it has a checksum."""
    if member.checksum is not None and stat.S_ISREG(member.mode):
        total, left = 0, member.size
        while left:
            piece = stream.take(min(left, _CHUNK), "content")
            total += sum(piece)
            left -= len(piece)
        if total & 0xFFFFFFFF != member.checksum:
            name = printable(member.name, 256)
            raise ImageError(f"The content of {name} does not have the checksum that is stated")
    else:
        stream.skip(member.size)
    stream.rest(-stream.position % 4)
