"""A boot root: the directory that stands for / when images are looked for.

Paths inside it are written as the system inside would write them ("/boot/vmlinuz"). Symbolic
links are followed within the root only, an absolute one starting at the root again, as chroot(2)
would; so a link in a foreign system never leads to a file of this one.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import posixpath
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from warmboot.core.boot.openat2 import open_in_root
from warmboot.core.debug import debug, failure
from warmboot.core.errors import NotFound
from warmboot.core.images import Identity, ImageFile
from warmboot.core.images.image_file import open_error
from warmboot.core.text import printable

_MAX_LINKS = 40  # what the kernel allows
_MAX_FOLDERS = 16  # held open during a search


@dataclass(slots=True)
class _Held:
    """What a root keeps for the length of one search: open directories, and which file is where.

    `directory` is its own, None where it cannot be opened; `folders` are those that were listed.
    """

    directory: int | None
    folders: dict[str, int] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)

    def close(self) -> None:
        for fd in self.folders.values():
            os.close(fd)
        if self.directory is not None:
            os.close(self.directory)


class BootRoot:
    """A directory held as a path; nothing outside it is ever opened.

    The kernel sees to that (openat2(2)), or else every open walks component by component.
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
        root = copy.copy(self)
        held = root._held = _Held(None)
        with contextlib.suppress(OSError):
            held.directory = None if self._real else _open_directory(self.path)
        try:
            yield root
        finally:
            root._held = None
            held.close()

    def open_fd(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open `name` inside the root; raise OSError as open(2) would."""
        try:
            fd = self._open_fd(name, flags)
        except OSError as error:
            failure(f"open {name}", error)
            raise
        debug("open %s", name)
        return fd

    def _open_fd(self, name: str, flags: int) -> int:
        flags |= os.O_CLOEXEC
        if not flags & os.O_PATH:  # with it, these are refused
            flags |= os.O_NONBLOCK | os.O_NOCTTY
        if self._real:
            return os.open(name, flags)
        if self._held is not None and self._held.directory is not None:
            fd = _open_listed(self._held, name, flags)
            return _open_below(self._held.directory, name, flags) if fd is None else fd
        directory = _open_directory(self.path)
        try:
            return _open_below(directory, name, flags)
        finally:
            os.close(directory)

    def identity(self, name: str) -> Identity:
        """Return which file `name` leads to inside the root; raise OSError as stat(2) would."""
        known = self._held.identities.get(name) if self._held is not None else None
        if known is not None:
            return known
        fd = self.open_fd(name, os.O_PATH)
        try:
            return self._remember(name, Identity.of(os.fstat(fd)))
        finally:
            os.close(fd)

    def _remember(self, name: str, identity: Identity) -> Identity:
        if self._held is not None:
            self._held.identities[name] = identity
        return identity

    def open(self, name: str) -> ImageFile:
        """Open a regular file inside the root; raise NotFound, NotPermitted or ImageError."""
        try:
            fd = self.open_fd(name)
        except (OSError, ValueError) as error:
            raise open_error(error, name) from error
        file = ImageFile.adopt(fd, name)
        self._remember(name, file.identity)
        return file

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder, sorted, symbolic links behind the files they may point to.

        Raises OSError where the folder cannot be listed.
        """
        fd = self.open_fd(folder, os.O_RDONLY | os.O_DIRECTORY)
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

    def read_text(self, name: str, limit: int = 65536) -> str | None:
        """Return up to `limit` bytes of a text file, None where there is no such file to read."""
        try:
            fd = self.open_fd(name)
        except (OSError, ValueError):
            return None
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return None
            raw = os.pread(fd, min(limit, status.st_size), 0)
        except OSError:
            return None
        finally:
            os.close(fd)
        return raw.decode("utf-8", "backslashreplace")

    def exists(self, name: str) -> bool:
        """Whether `name` leads to something inside the root."""
        try:
            self.identity(name)
        except (OSError, ValueError):
            return False
        return True


def _open_directory(path: Path) -> int:
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _open_listed(held: _Held, name: str, flags: int) -> int | None:
    """Open a file in a folder that is held open, which leads nowhere else; None for all others.

    It takes half as long as by its path from the root, and a list opens hundreds.
    """
    folder, _, last = name.rpartition("/")
    directory = held.folders.get(folder)
    if directory is None or last in ("", ".", "..") or flags & (os.O_PATH | os.O_DIRECTORY):
        return None
    try:
        return os.open(last, flags | os.O_NOFOLLOW, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.ELOOP:  # a symbolic link: where it leads, the root decides
            return None
        raise


def _open_below(root: int, name: str, flags: int) -> int:
    """Open `name` with the directory `root` as its /."""
    fd = open_in_root(root, name, flags)
    return _walk(root, name, flags) if fd is None else fd


def _walk(root: int, name: str, flags: int) -> int:
    """Do the same where the kernel cannot: one component after the other."""
    stack = [os.dup(root)]
    todo = [part for part in reversed(name.split("/")) if part not in ("", ".")]
    links = 0
    try:
        while todo:
            part = todo.pop()
            if part == "..":
                if len(stack) > 1:
                    os.close(stack.pop())
                continue
            fd = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=stack[-1])
            stack.append(fd)
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                continue
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
            target = os.readlink("", dir_fd=fd)
            os.close(stack.pop())
            if target.startswith("/"):
                while len(stack) > 1:
                    os.close(stack.pop())
            todo.extend(p for p in reversed(target.split("/")) if p not in ("", "."))
        if flags & os.O_PATH:
            return os.dup(stack[-1])
        # /proc/self/fd turns the O_PATH descriptor into a readable one of the same file.
        return os.open(f"/proc/self/fd/{stack[-1]}", flags)
    finally:
        for fd in stack:
            os.close(fd)


def join(base: str, path: str) -> str:
    """Return `path` below `base`; it cannot climb out of it."""
    return base.rstrip("/") + "/" + posixpath.normpath("/" + path).lstrip("/")
