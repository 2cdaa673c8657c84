"""The files of a file system image, told to a Keeper as those of an archive are.

A damaged or hostile image may have folders inside themselves, or more entries than anybody writes:
the walk goes into each folder once, and is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator

from warmboot.core.enumeration import StrEnum
from warmboot.core.errors import ImageError
from warmboot.core.hints import Protocol
from warmboot.core.payload.cpio import Keeper
from warmboot.core.progress import Cancel
from warmboot.core.values import NamedTuple

ENTRIES = 400_000
_PATH = 4096


class Kind(StrEnum):
    """What an entry of a folder is."""

    FOLDER = "folder"
    FILE = "file"
    OTHER = "other"


class Entry(NamedTuple):
    """A name in a folder. `inode` is how the file system refers to what it names."""

    name: bytes
    kind: Kind
    inode: int


class Tree(Protocol):
    """A file system image that is read. All methods raise ImageError for what is damaged."""

    @property
    def root(self) -> int:
        """The inode of the uppermost folder."""

    def entries(self, inode: int) -> Iterator[Entry]:
        """Yield what is in a folder."""

    def size(self, inode: int) -> int:
        """Return the size of a file."""

    def content(self, inode: int) -> bytes | None:
        """Return the content of a file; None where it is compressed in a way that is not read."""


def read_tree(tree: Tree, keeper: Keeper, cancel: Cancel | None = None) -> tuple[bytes, ...]:
    """Tell `keeper` of every file, and hand over the content of those that it wants.

    Returns the paths of those that it wants and that cannot be read. Raises ImageError, Cancelled.
    """
    waiting, seen, count = [(b"", tree.root)], {tree.root}, 0
    unread = []
    while waiting:
        if cancel is not None:
            cancel.check()
        folder, inode = waiting.pop()
        for entry in tree.entries(inode):
            count += 1
            if count > ENTRIES:
                raise ImageError(f"it has more than {ENTRIES} files")
            path = folder + entry.name
            if b"/" in entry.name or b"\0" in entry.name or len(path) > _PATH:
                raise ImageError("it has a name that no file can have")
            size = tree.size(entry.inode) if entry.kind is Kind.FILE else 0
            wanted = keeper.wants(path, size)
            if entry.kind is Kind.FOLDER and entry.inode not in seen:
                seen.add(entry.inode)
                waiting.append((path + b"/", entry.inode))
            elif entry.kind is Kind.FILE and wanted:
                content = tree.content(entry.inode)
                if content is None:
                    unread.append(path)
                else:
                    keeper.keep(path, content)
    return tuple(unread)
