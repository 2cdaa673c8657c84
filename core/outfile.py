"""Files that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from warmboot.core.errors import NotPermitted, WarmbootError
from warmboot.core.text import printable


class OutFile:
    """A draft beside `path`: `commit` puts it in the place of `path`, else it goes at the end.

    `mode` is the permissions of the file. Raises NotPermitted or WarmbootError where the directory
    or the disk says no.
    """

    def __init__(self, path: Path, mode: int = 0o644) -> None:
        if not path.name:
            raise WarmbootError(
                f"{printable(str(path))} is a directory", hint="Name the file to write."
            )
        self.path = path
        self.draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        self.size = 0
        self._mode = mode
        self._fd = -1

    def __enter__(self) -> Self:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._fd = os.open(self.draft, flags, self._mode)
        except OSError as error:
            raise self._failed(error) from error
        return self

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append `data`."""
        rest = memoryview(data)
        while rest:
            try:
                count = os.write(self._fd, rest)
            except OSError as error:
                raise self._failed(error) from error
            self.size += count
            rest = rest[count:]

    @property
    def fd(self) -> int:
        """The descriptor of the draft, open for reading too."""
        return self._fd

    def copy(self, source: int, count: int) -> None:
        """Append the first `count` bytes of the file `source`."""
        copy_to(self._fd, source, count, printable(str(self.path)))
        self.size += count

    def adopt(self, other: Path) -> None:
        """Go on with the file `other`, made from the draft, in its place."""
        try:
            other.replace(self.draft)
            os.close(self._fd)
            self._fd = os.open(self.draft, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            self.size = os.fstat(self._fd).st_size
        except OSError as error:
            raise self._failed(error) from error

    def commit(self) -> None:
        """Make the content final and put it in the place of `path`, safe against a power cut."""
        try:
            os.fsync(self._fd)
            self.draft.replace(self.path)
        except OSError as error:
            raise self._failed(error) from error
        try:
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise WarmbootError(
                f"{printable(str(self.path))} is written, but not known to be on disk: "
                f"{error.strerror}",
                hint="Check the disk, then write it again.",
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            with contextlib.suppress(OSError):
                self.draft.unlink()

    def _failed(self, error: OSError) -> WarmbootError:
        shown = printable(str(self.path))
        if isinstance(error, PermissionError):
            return NotPermitted(
                f"{shown} cannot be written by this user", hint="Choose another place for it."
            )
        return WarmbootError(
            f"{shown} could not be written: {error.strerror}",
            hint="Check the free space and the directory.",
        )


def copy_to(target: int, source: int, count: int, name: str) -> None:
    """Send the first `count` bytes of the file `source` to the descriptor `target`.

    Raises WarmbootError, in which the target is called `name`.
    """
    position = 0
    while position < count:
        try:
            position += os.sendfile(target, source, position, count - position)
        except OSError as error:
            raise WarmbootError(
                f"{name} could not be written: {error.strerror}",
                hint="Check the free space and the permissions there.",
            ) from error
