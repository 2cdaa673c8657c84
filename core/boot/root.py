"""A boot root: the directory that stands for / when images are looked for.

Paths inside it are written as the system inside would write them ("/boot/vmlinuz"). Symbolic
links are followed within the root only, an absolute one starting at the root again, as chroot(2)
would; so a link in a foreign system never leads to a file of this one.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path

from warmboot.core.debug import debug, failure
from warmboot.core.errors import NotFound
from warmboot.core.hints import Self
from warmboot.core.images import Identity, ImageFile
from warmboot.core.images.image_file import open_error
from warmboot.core.rooted import open_below, open_directory, regular
from warmboot.core.text import printable
from warmboot.core.values import dataclass, field

_MAX_FOLDERS = 16  # held open during a search
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass
class _Held:
    """What a root keeps for the length of one search: open directories, and which file is where.

    `directory` is its own, None where it cannot be opened; `folders` are those that were listed,
    and `last` the one in which a file was looked for last, by their paths.
    """

    directory: int | None
    folders: dict[str, int] = field(default_factory=dict)
    last: tuple[str, int] | None = None
    identities: dict[str, Identity] = field(default_factory=dict)

    def folder_of(self, name: str) -> tuple[int, str] | None:
        """Return the folder of a file, held open, and the file's name in it; raises OSError.

        None where the root itself has to be asked. From its folder a file is found in half of the
        time, and a list looks for hundreds.
        """
        path, _, last = name.rpartition("/")
        if self.directory is None or last in ("", ".", ".."):
            return None
        folder = self.folders.get(path)
        if folder is not None:
            return folder, last
        if self.last is None or self.last[0] != path:
            folder = open_below(self.directory, path or "/", _FOLDER)
            if self.last is not None:
                os.close(self.last[1])
            self.last = path, folder
        return self.last[1], last

    def close(self) -> None:
        for fd in self.folders.values():
            os.close(fd)
        if self.last is not None:
            os.close(self.last[1])
        if self.directory is not None:
            os.close(self.directory)


class Text(str):
    """The text of a file; `cut` says what is missing where not all of the file was read."""

    __slots__ = ("cut",)
    cut: str | None

    def __new__(cls, text: str, cut: str | None = None) -> Self:
        made = super().__new__(cls, text)
        made.cut = cut
        return made


class BootRoot:
    """A directory held as a path; nothing outside it is ever opened.

    See warmboot.core.rooted. Only regular files and directories are opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = path == Path("/")
        self._held: _Held | None = None
        if not path.is_dir():
            raise NotFound(
                f"{printable(str(path))} is not a directory",
                hint="--root takes the directory where the other system is mounted.",
            )

    @contextlib.contextmanager
    def held(self) -> Iterator[BootRoot]:
        """Yield this root as it is for the length of one search, which asks for many files.

        Its directory and the folders that are listed are held open, and what a file is
        (`identity`) is asked only once. The root itself does none of this: something may have
        been mounted on it since. Raises nothing: where the directory cannot be opened, every
        open says so.
        """
        if self._held is not None:
            yield self
            return
        root = object.__new__(type(self))
        vars(root).update(vars(self))
        held = root._held = _Held(None)
        with contextlib.suppress(OSError):
            held.directory = None if self._real else open_directory(self.path)
        try:
            yield root
        finally:
            root._held = None
            held.close()

    def find(self, name: str, flags: int = 0) -> int:
        """Return an O_PATH descriptor of what `name` leads to; raise OSError as open(2) would.

        Nothing is opened by that: a device node is not disturbed, a FIFO not waited for.
        """
        return self._found(name, flags)[0]

    def _found(self, name: str, flags: int = 0) -> tuple[int, os.stat_result | None]:
        """As `find`, with what fstat(2) says of it where that was asked."""
        try:
            found = self._find(name, flags | os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            failure(f"open {name}", error)
            raise
        debug("open %s", name)
        return found

    def _find(self, name: str, flags: int) -> tuple[int, os.stat_result | None]:
        if self._real:
            return os.open(name, flags), None
        held = self._held
        if held is None or held.directory is None:
            directory = open_directory(self.path)
            try:
                return open_below(directory, name, flags), None
            finally:
                os.close(directory)
        place = None if flags & os.O_DIRECTORY else held.folder_of(name)
        if place is not None:
            fd = os.open(place[1], flags | os.O_NOFOLLOW, dir_fd=place[0])
            status = os.fstat(fd)
            if not stat.S_ISLNK(status.st_mode):
                return fd, status
            os.close(fd)  # where a symbolic link leads, the root decides
        return open_below(held.directory, name, flags), None

    def open_fd(self, name: str) -> int:
        """Open the regular file `name` for reading; raise OSError as open(2) would.

        Raises OSError too, and opens nothing, where it is a device, a FIFO or a directory.
        """
        return self._open_fd(name)[0]

    def _open_fd(self, name: str) -> tuple[int, os.stat_result]:
        """As `open_fd`, with what fstat(2) says of it."""
        found, status = self._found(name)
        try:
            status = status or os.fstat(found)
            return regular(found, name, mode=status.st_mode), status
        finally:
            os.close(found)

    def identity(self, name: str) -> Identity:
        """Return which file `name` leads to inside the root; raise OSError as stat(2) would."""
        known = self._held.identities.get(name) if self._held is not None else None
        if known is not None:
            return known
        try:
            status = self._status(name)
        except OSError as error:
            failure(f"stat {name}", error)
            raise
        debug("stat %s", name)
        return self._remember(name, Identity.of(status))

    def _status(self, name: str) -> os.stat_result:
        if self._real:
            return os.stat(name)
        place = self._held.folder_of(name) if self._held is not None else None
        if place is not None:
            status = os.stat(place[1], dir_fd=place[0], follow_symlinks=False)
            if not stat.S_ISLNK(status.st_mode):
                return status
        fd = self._find(name, os.O_PATH | os.O_CLOEXEC)[0]
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def _remember(self, name: str, identity: Identity) -> Identity:
        if self._held is not None:
            self._held.identities[name] = identity
        return identity

    def open(self, name: str) -> ImageFile:
        """Open a regular file inside the root; raise NotFound, NotPermitted or ImageError."""
        try:
            found, status = self._found(name)
        except (OSError, ValueError) as error:
            raise open_error(error, name) from error
        file = ImageFile.adopt(found, name, status)
        self._remember(name, file.identity)
        return file

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted, symbolic links behind the files they may point to.

        Raises OSError where the folder cannot be listed.
        """
        fd = self._open_folder(folder)
        try:
            with os.scandir(fd) as found:
                names = [name for _, name in sorted((e.is_symlink(), e.name) for e in found)]
        except OSError:
            os.close(fd)
            raise
        held = self._held
        if held is None or folder in held.folders or len(held.folders) >= _MAX_FOLDERS:
            os.close(fd)
        else:
            held.folders[folder] = fd
        return names

    def _open_folder(self, folder: str) -> int:
        found = self.find(folder, os.O_DIRECTORY)
        try:
            return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=found)
        finally:
            os.close(found)

    def read_text(self, name: str, limit: int = 65536) -> Text | None:
        """Return up to `limit` bytes of a text file, None where there is no such file to read.

        `Text.cut` says so where the file holds more than was read; what it means is then not known.
        """
        try:
            fd, status = self._open_fd(name)
        except (OSError, ValueError):
            return None
        try:
            raw = os.read(fd, limit + 1)
            size = status.st_size  # files of /proc state none
            while len(raw) != size and (more := os.read(fd, max(0, limit + 1 - len(raw)))):
                raw += more
            size = max(size, len(raw))
        except OSError:
            return None
        finally:
            os.close(fd)
        read = min(limit, len(raw))
        cut = f"only the first {read} of its {size} bytes were read" if size > read else None
        return Text(raw[:limit].decode("utf-8", "backslashreplace"), cut)

    def exists(self, name: str) -> bool:
        """Whether `name` leads to something inside the root."""
        try:
            self.identity(name)
        except (OSError, ValueError):
            return False
        return True


def join(base: str, path: str) -> str:
    """Return `path` below `base`; it cannot climb out of it."""
    return base.rstrip("/") + "/" + posixpath.normpath("/" + path).lstrip("/")
