"""A directory as the root of paths: nothing outside it is ever opened.

Symbolic links are followed within the root only, an absolute one starting at the root again, as
chroot(2) would. What a path leads to is looked at before it is opened: opening a device node can
start a watchdog or rewind a tape, and a FIFO waits for a writer.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PosixPath

from warmboot.core.hints import IO, Any, Self
from warmboot.core.openat2 import open_in_root

_MAX_LINKS = 40  # what the kernel allows
#: The error of a path that leads to a device, a FIFO, a socket or a directory.
IRREGULAR = "it is not a regular file"


def open_directory(path: Path | str) -> int:
    """Return a descriptor that stands for a directory; raises OSError."""
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_below(root: int, name: str, flags: int) -> int:
    """Open `name` with the directory `root` as its /; raises OSError, ValueError.

    The kernel keeps the path inside (openat2(2)), or else it is walked component by component.
    """
    fd = open_in_root(root, name, flags)
    return _walk(root, name, flags) if fd is None else fd


def regular(found: int, name: str, flags: int = os.O_RDONLY, mode: int | None = None) -> int:
    """Open the regular file behind the O_PATH descriptor `found`, which stays open.

    `mode` is what fstat(2) said of it, where it was asked. Raises OSError, also where it is
    something else; that is then not opened.
    """
    if not stat.S_ISREG(os.fstat(found).st_mode if mode is None else mode):
        raise OSError(errno.EINVAL, IRREGULAR, name)
    # /proc/self/fd turns the O_PATH descriptor into another one of the same file.
    return os.open(f"/proc/self/fd/{found}", flags | os.O_CLOEXEC)


def open_regular(path: Path | str, flags: int = os.O_RDONLY) -> int:
    """Open a regular file of this machine, or one below a root; raises OSError, ValueError."""
    found = (
        path.open_fd(os.O_PATH)
        if isinstance(path, RootedPath)
        else os.open(path, os.O_PATH | os.O_CLOEXEC)
    )
    try:
        return regular(found, str(path), flags)
    finally:
        os.close(found)


def _walk(root: int, name: str, flags: int) -> int:
    """Do what openat2(2) does where the kernel cannot: one component after the other."""
    stack = [os.dup(root)]
    todo = _parts(name)
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
            itself = flags & os.O_NOFOLLOW and not todo
            if itself or not stat.S_ISLNK(os.fstat(fd).st_mode):
                continue
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
            target = os.readlink("", dir_fd=fd)
            os.close(stack.pop())
            while target.startswith("/") and len(stack) > 1:
                os.close(stack.pop())
            todo.extend(_parts(target))
        return _again(stack[-1], name, flags)
    finally:
        for fd in stack:
            os.close(fd)


def _parts(path: str) -> list[str]:
    """Return the components of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _again(fd: int, name: str, flags: int) -> int:
    """Return another descriptor of what the O_PATH descriptor `fd` stands for."""
    if flags & os.O_DIRECTORY and not stat.S_ISDIR(os.fstat(fd).st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
    return os.dup(fd) if flags & os.O_PATH else os.open(f"/proc/self/fd/{fd}", flags)


class RootedPath(PosixPath):
    """A path below a root, which it does not leave; what is made of it with / stays below too.

    It is what the files of a simulated machine are reached by: that machine's own links count, and
    somebody may have planted them. Only regular files are opened, and only for reading; writing is
    for warmboot.core.statefile. Methods raise what those of Path raise. No function of the system
    takes such a path (OSError EXDEV): it would follow every link.
    """

    base: str | None = None

    def __fspath__(self) -> str:
        """Raise OSError: what is not said here would leave the root."""
        raise OSError(errno.EXDEV, "only methods of its own keep it below its root", str(self))

    def __truediv__(self, key: str | os.PathLike[str]) -> Self:
        return self._below(super().__truediv__(key))

    @property
    def parent(self) -> Self:
        """The folder of the path."""
        return self._below(super().parent)

    def with_name(self, name: str) -> Self:
        """Return the path with another name in the same folder."""
        return self._below(super().with_name(name))

    def _below(self, path: Self) -> Self:
        path.base = self.base
        return path

    @property
    def inner(self) -> str:
        """The path as the system inside the root would write it, without the leading slash."""
        if self.base is None:
            raise OSError(errno.EXDEV, "its root is not known", str(self))
        if str(self) == self.base:
            return ""
        start = self.base.rstrip("/") + "/"
        if not str(self).startswith(start):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(self))
        return str(self)[len(start) :]

    def open_fd(self, flags: int) -> int:
        """Open it inside its root, whatever it is; raises OSError, ValueError."""
        inner = self.inner
        root = open_directory(self.base or "")
        try:
            return open_below(root, inner or ".", flags | os.O_CLOEXEC)
        finally:
            os.close(root)

    def open(self, mode: str = "r", *_: Any, **how: Any) -> IO[Any]:  # type: ignore[override]
        """Open a regular file for reading."""
        if mode not in ("r", "rb"):
            raise io.UnsupportedOperation(mode)
        how.pop("buffering", None)
        return open(open_regular(self), mode, **how)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return what stat(2) says of it, its links followed inside the root."""
        fd = self.open_fd(os.O_PATH if follow_symlinks else os.O_PATH | os.O_NOFOLLOW)
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def exists(self, **_: Any) -> bool:
        """Whether it leads to something inside the root."""
        return self._mode() is not None

    def is_dir(self, **_: Any) -> bool:
        """Whether it leads to a directory inside the root."""
        return stat.S_ISDIR(self._mode() or 0)

    def is_file(self, **_: Any) -> bool:
        """Whether it leads to a regular file inside the root."""
        return stat.S_ISREG(self._mode() or 0)

    def _mode(self) -> int | None:
        try:
            return self.stat().st_mode
        except (OSError, ValueError):
            return None

    def iterdir(self) -> Iterator[Self]:  # type: ignore[override]
        """Yield what is in the folder."""
        return iter([self / name for name, _ in list_folder(self)])


def list_folder(path: Path, limit: int | None = None) -> list[tuple[str, bool]]:
    """Return the first names in a folder, unsorted, and whether each is itself a folder.

    Works below a root and on this machine; a link is no folder. Raises OSError, ValueError.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    fd = path.open_fd(flags) if isinstance(path, RootedPath) else os.open(path, flags)
    try:
        with os.scandir(fd) as entries:
            return [(e.name, e.is_dir(follow_symlinks=False)) for e in islice(entries, limit)]
    finally:
        os.close(fd)


def link_text(path: Path) -> str | None:
    """Return what a link says, None where it is none; it is not followed."""
    try:
        if not isinstance(path, RootedPath):
            return os.readlink(path)
        fd = path.open_fd(os.O_PATH | os.O_NOFOLLOW)
        try:
            return os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)
    except (OSError, ValueError):
        return None


def link_target(path: Path) -> str | None:
    """Return the last part of what a link says, None where it is none; it is not followed."""
    text = link_text(path)
    return None if text is None else os.path.basename(text)


def is_there(path: Path) -> bool:
    """Whether there is anything of that name, be it a link that leads nowhere."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def rooted(path: Path) -> Path:
    """Return the root `path` as one that paths made of it do not leave; / is the machine itself."""
    if path == Path("/") or isinstance(path, RootedPath):
        return path
    found = RootedPath(os.path.abspath(path))
    found.base = str(found)
    return found
