"""Files that warmboot keeps of a machine: written in a folder that is held open.

Below the root of a simulated machine (warmboot.core.rooted) no symbolic link is followed at all,
so that whoever made the folder does not choose what is written. Only regular files with one name
are opened. Everything raises OSError.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from warmboot.core.rooted import IRREGULAR, RootedPath, open_directory

Owner = tuple[int, int]  # user id, group id
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 3  # opens of a file that comes and goes meanwhile
_LINKED = "it has more than one name"


@contextlib.contextmanager
def folder(path: Path, *, make: bool = False, owner: Owner | None = None) -> Iterator[int]:
    """Hold the folder `path` open, as a descriptor for dir_fd; `make` it for its owner only.

    A folder below a root that is made belongs to `owner`, where one is named.
    """
    fd = _below(path, make, owner) if isinstance(path, RootedPath) else _plain(path, make)
    try:
        yield fd
    finally:
        os.close(fd)


def _plain(path: Path, make: bool) -> int:
    if make:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_directory(path)


def _below(path: RootedPath, make: bool, owner: Owner | None = None) -> int:
    fd = open_directory(path.base or "")
    try:
        for part in filter(None, path.inner.split("/")):
            if part == "..":
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(path))
            try:
                inner = os.open(part, _FOLDER, dir_fd=fd)
            except FileNotFoundError:
                if not make:
                    raise
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=fd)
                    if owner is not None:
                        os.chown(part, *owner, dir_fd=fd, follow_symlinks=False)
                inner = os.open(part, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = inner
        return fd
    except BaseException:
        os.close(fd)
        raise


def open_state(path: Path, flags: int, mode: int = 0o600, *, make: bool = False) -> int:
    """Open the regular file `path`, no link; with O_CREAT it is made. `make` makes its folder."""
    with folder(path.parent, make=make) as held:
        for _ in range(_TRIES):
            try:
                return _open_there(held, path.name, flags & ~os.O_CREAT)
            except FileNotFoundError:
                if not flags & os.O_CREAT:
                    raise
            with contextlib.suppress(FileExistsError):
                new = flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                return os.open(path.name, new, mode, dir_fd=held)
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))


def _open_there(held: int, name: str, flags: int) -> int:
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=held)
    try:
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, IRREGULAR, name)
        if status.st_nlink > 1 and flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EMLINK, _LINKED, name)
        return os.open(f"/proc/self/fd/{found}", flags | os.O_CLOEXEC)
    finally:
        os.close(found)


def read_state(path: Path, limit: int) -> bytes | None:
    """Return a whole file of at most `limit` bytes, None where there is none; raises OSError."""
    try:
        fd = open_state(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        size = os.fstat(fd).st_size
        if size > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return os.pread(fd, limit, 0)
    finally:
        os.close(fd)


def replace_state(
    path: Path, content: bytes, mode: int = 0o644, owner: Owner | None = None
) -> None:
    """Write a file so that readers see the old content or the new, never a part.

    It belongs to `owner` from the start, where one is named.
    """
    draft = f".{path.name}.new"
    with folder(path.parent, make=True, owner=owner) as held:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=held)  # of one that was killed
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(draft, flags, mode, dir_fd=held)
        try:
            with open(fd, "wb") as file:
                if owner is not None:
                    os.fchown(fd, *owner)
                file.write(content)
            os.rename(draft, path.name, src_dir_fd=held, dst_dir_fd=held)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=held)
            raise


def remove_state(path: Path) -> None:
    """Take a name away, whatever it stands for."""
    with folder(path.parent) as held:
        os.unlink(path.name, dir_fd=held)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on disk."""
    with folder(path) as held:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=held)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
