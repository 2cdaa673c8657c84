"""Image files: opened once, held open, and checked to be the same file to the end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from warmboot.core.closing import Closing
from warmboot.core.debug import debug
from warmboot.core.errors import ImageError, NotFound, NotPermitted, WarmbootError
from warmboot.core.hints import Self
from warmboot.core.images.view import FileView
from warmboot.core.rooted import regular
from warmboot.core.text import printable
from warmboot.core.values import NamedTuple


class Identity(NamedTuple):
    """What makes a file the same file: device, inode, size (bytes), mtime and ctime (ns)."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the identity in what fstat(2) says of an open file."""
        return cls(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )


class ImageFile(Closing):
    """A regular file held open for reading; `name` is its path as the operator knows it."""

    def __init__(self, fd: int, name: str, identity: Identity) -> None:
        self.fd = fd
        self.name = name
        self.identity = identity
        self.view = FileView(fd, identity.size)

    @classmethod
    def adopt(cls, found: int, name: str, status: os.stat_result | None = None) -> Self:
        """Take over the O_PATH descriptor `found`, and open the file that it stands for.

        `status` is what fstat(2) said of it, where it was asked. Raises ImageError where that is no
        regular file (and opens nothing), NotPermitted.
        """
        try:
            status = status or os.fstat(found)
            if not stat.S_ISREG(status.st_mode):
                raise ImageError(
                    f"{printable(name)} is not a regular file",
                    hint="Name the kernel image itself, not a directory or a device.",
                )
            try:
                fd = regular(found, name, mode=status.st_mode)
            except OSError as error:
                raise open_error(error, name) from error
        finally:
            os.close(found)
        try:
            return cls(fd, name, Identity.of(status))
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a file by its path on this machine; raise NotFound, NotPermitted or ImageError."""
        try:
            found = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise open_error(error, str(path)) from error
        debug("open %s", path)
        return cls.adopt(found, str(path))

    def unchanged(self) -> None:
        """Raise ImageError where the file was written to or replaced in place since opening."""
        if Identity.of(os.fstat(self.fd)) != self.identity:
            raise changed(self.name)

    def close(self) -> None:
        """Close the descriptor; calling it again does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def changed(name: str) -> ImageError:
    """Return the error of a file that is no longer what it was when it was opened."""
    return ImageError(
        f"{printable(name)} changed after it was opened",
        hint="An update may be running. Wait for it, then choose the entry again.",
    )


def open_error(error: OSError | ValueError, name: str) -> WarmbootError:
    """Return what a failed open of `name` means to the operator."""
    shown = printable(name)
    if isinstance(error, ValueError):
        return NotFound(f"{shown} is not a valid file name")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFound(f"{shown} is not there", hint="Check the path; is /boot mounted?")
    if isinstance(error, PermissionError):
        return NotPermitted(
            f"{shown} cannot be read by this user", hint="Run warmboot as root (sudo warmboot)."
        )
    return WarmbootError(f"{shown} cannot be opened: {error.strerror}")
