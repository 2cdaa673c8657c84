"""cpio archives as the kernel unpacks them: the newc form, read front to back.

What it takes is not what cpio(1) writes: an archive needs no end mark, members may follow one,
numbers are read as far as they are numbers. Sources: init/initramfs.c (do_header, do_name, do_copy,
do_reset); Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator

from warmboot.core.errors import ImageError
from warmboot.core.expression import expression
from warmboot.core.hints import Protocol
from warmboot.core.payload.codecs import Lost, NotDecodable
from warmboot.core.payload.streams import OutOfBound, Stream
from warmboot.core.text import plural, printable
from warmboot.core.values import NamedTuple, dataclass, field

MAGICS = (b"070701", b"070702")
_SUMMED = b"070702"
_OLD = b"070707"
_HEADER = 110
_NAME_LIMIT = 4096  # PATH_MAX, which the kernel holds names and link targets to
_RELEASES = 32
_FOLDERS = 200_000  # paths that are remembered; a real initrd has some thousands
_CHUNK = 1 << 16
_TRAILER = b"TRAILER!!!"
_MODULES = expression(rb"(?:usr/)?lib/modules/([^/]+)/.")
_ZERO = ord("0")  # what the magic of a member begins with
_DIGITS = expression(rb"(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]*)")
#: What is in the root file system before any initrd; source: usr/default_cpio_list.
_THERE = frozenset((b"", b".", b"dev", b"root"))


class Keeper(Protocol):
    """What is told of every file of an archive, by its path without the slash in front.

    `wants` says whether the content is to be kept, `keep` gets it.
    """

    def wants(self, path: bytes, size: int) -> bool: ...

    def keep(self, path: bytes, content: bytes) -> None: ...


class Stopped(ImageError):
    """The kernel has every file of the archive, complains of what follows, and reads no further."""


@dataclass
class Contents:
    """What an archive holds, as far as it was read.

    `names` are the first ones, printable; `members` counts all; `releases` are the kernels with a
    file in lib/modules. `folders` and `links` are the paths that files may be in, kept from archive
    to archive. `ended` says whether the archive's end was reached, `marked` that it has an end
    mark; `left_out` counts members that the kernel passes over, `lost` those whose folder is not
    there. `stopped` is why the kernel reads no further, though it has the archive. `keeper` is told
    of every file, None for nobody.
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
    keeper: Keeper | None = None

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
        keeper = None
        if member.name == _TRAILER:
            contents.marked = True
        else:
            keeper = contents.keeper
            _note(member, contents, head)
            yield contents
        _body(stream, member, keeper)
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
    path = _path(member)
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


def _body(stream: Stream, member: _Member, keeper: Keeper | None) -> None:
    """Go over a member's content, and check it where it has a checksum."""
    path = _path(member)
    if keeper is not None and path and keeper.wants(path, member.size):
        content = stream.take(member.size, "content")
        keeper.keep(path, content)
        if member.checksum is not None and stat.S_ISREG(member.mode):
            _compare(member, sum(content))
    elif member.checksum is not None and stat.S_ISREG(member.mode):
        total, left = 0, member.size
        while left:
            piece = stream.take(min(left, _CHUNK), "content")
            total += sum(piece)
            left -= len(piece)
        _compare(member, total)
    else:
        stream.skip(member.size)
    stream.rest(-stream.position % 4)


def _path(member: _Member) -> bytes:
    return member.name.strip(b"/").removeprefix(b"./")


def _compare(member: _Member, total: int) -> None:
    if total & 0xFFFFFFFF != member.checksum:
        name = printable(member.name, 256)
        raise ImageError(f"The content of {name} does not have the checksum that is stated")
