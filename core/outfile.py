"""Files that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from types import TracebackType

from warmboot.core.errors import NotPermitted, WarmbootError, WrongArgument
from warmboot.core.expression import expression
from warmboot.core.hints import Self
from warmboot.core.rooted import open_directory
from warmboot.core.text import printable

_STDOUT = ("-", "/dev/stdout")
_DESCRIPTOR = expression(r"/(?:dev|proc/self)/fd/([0-9]{1,6})")
_CHUNK = 1 << 20
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def descriptor(target: Path | str) -> int | None:
    """Return the open descriptor that `target` stands for, None where it is the name of a file.

    ``-`` and /dev/stdout are standard output, /dev/fd/N is what a shell opened.
    """
    name = str(target)
    if name in _STDOUT:
        return 1
    found = _DESCRIPTOR.fullmatch(name)
    return int(found[1]) if found else None


def check_target(path: Path) -> None:
    """Raise WrongArgument where `path` is neither absent nor a regular file, WarmbootError.

    A device or a pipe in its place would be gone; where a link leads, somebody else may have
    decided.
    """
    if descriptor(path) is not None:
        return
    if path.name in ("", ".."):
        raise WrongArgument(f"{_shown(path)} is a directory", hint="Name the file to write.")
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _failed(path, error) from error
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a device")
        raise WrongArgument(
            f"{_shown(path)} is {kind}; only a regular file is replaced",
            hint="Name a file to write, or - for standard output.",
        )


class OutFile:
    """A draft beside `path`: `commit` puts it in the place of `path`, else it goes at the end.

    Where `path` stands for an open descriptor (see `descriptor`), the whole content goes there at
    `commit`. `mode` is the permissions of the file. Raises WrongArgument where something else
    than a regular file is there, NotPermitted or WarmbootError where the directory or the disk
    says no.
    """

    def __init__(self, path: Path, mode: int = 0o644) -> None:
        check_target(path)
        self.path = path
        self.size = 0
        self._mode = mode
        self._fd = self._folder = -1
        self._stream = descriptor(path)
        self._temporary: str | None = None
        #: Its name does not grow with that of the file, which may be as long as names can be.
        self.draft = path.with_name(f".warmboot-{os.getpid()}-{os.urandom(4).hex()}.part")

    def __enter__(self) -> Self:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            if self._stream is not None:
                os.fstat(self._stream)  # raises where it is closed
                import tempfile  # slow to import

                self._temporary = tempfile.mkdtemp(prefix="warmboot-")
                self.draft = Path(self._temporary, "part")
            self._folder = open_directory(self.draft.parent)
            self._fd = os.open(self.draft.name, flags, self._mode, dir_fd=self._folder)
        except (OSError, ValueError) as error:
            self._close()
            raise _failed(self.path, error) from error
        return self

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append `data`."""
        rest = memoryview(data)
        while rest:
            try:
                count = os.write(self._fd, rest)
            except OSError as error:
                raise _failed(self.path, error) from error
            self.size += count
            rest = rest[count:]

    @property
    def fd(self) -> int:
        """The descriptor of the draft, open for reading too."""
        return self._fd

    def copy(self, source: int, count: int) -> None:
        """Append the first `count` bytes of the file `source`."""
        copy_to(self._fd, source, count, _shown(self.path))
        self.size += count

    def adopt(self, other: Path) -> None:
        """Go on with the file `other`, made from the draft beside it, in its place."""
        held = self._folder
        try:
            os.rename(other.name, self.draft.name, src_dir_fd=held, dst_dir_fd=held)
            os.close(self._fd)
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = os.open(self.draft.name, flags, dir_fd=held)
            self.size = os.fstat(self._fd).st_size
        except OSError as error:
            raise _failed(self.path, error) from error

    def commit(self) -> None:
        """Make the content final and put it in the place of `path`, safe against a power cut."""
        if self._stream is not None:
            copy_to(self._stream, self._fd, self.size, _shown(self.path))
            return
        check_target(self.path)  # it may have come meanwhile
        held = self._folder
        try:
            os.fsync(self._fd)
            os.rename(self.draft.name, self.path.name, src_dir_fd=held, dst_dir_fd=held)
        except OSError as error:
            raise _failed(self.path, error) from error
        try:
            folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=held)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise WarmbootError(
                f"{_shown(self.path)} is written, but not known to be on disk: {error.strerror}",
                hint="Check the disk, then write it again.",
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            with contextlib.suppress(OSError):
                os.unlink(self.draft.name, dir_fd=self._folder)
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1
        if self._temporary is not None:
            import shutil

            shutil.rmtree(self._temporary, ignore_errors=True)


def _shown(path: Path) -> str:
    return "standard output" if str(path) in _STDOUT else printable(str(path))


def _failed(path: Path, error: OSError | ValueError) -> WarmbootError:
    if isinstance(error, ValueError):
        return WrongArgument(f"{_shown(path)} is not a possible file name")
    if isinstance(error, PermissionError):
        return NotPermitted(
            f"{_shown(path)} cannot be written by this user", hint="Choose another place for it."
        )
    if error.errno == errno.ENAMETOOLONG:
        return WrongArgument(f"The name {_shown(path)} is too long", hint="Choose a shorter one.")
    return WarmbootError(
        f"{_shown(path)} could not be written: {error.strerror}",
        hint="Check the free space and the directory.",
    )


def copy_to(target: int, source: int, count: int, name: str) -> None:
    """Send the first `count` bytes of the file `source` to the descriptor `target`.

    Raises WarmbootError, in which the target is called `name`; BrokenPipeError where nobody reads.
    """
    if target == 1 and sys.stdout is not None:
        sys.stdout.flush()
    position = 0
    while position < count:
        try:
            sent = _send(target, source, position, count - position)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise WarmbootError(
                f"{name} could not be written: {error.strerror}",
                hint="Check the free space and the permissions there.",
            ) from error
        if sent == 0:
            raise WarmbootError(f"{name} could not be written: its source became shorter")
        position += sent


def _send(target: int, source: int, position: int, count: int) -> int:
    try:
        return os.sendfile(target, source, position, count)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
    # A file that is open for appending takes no sendfile(2).
    return os.write(target, os.pread(source, min(count, _CHUNK), position))
