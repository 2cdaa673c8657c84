"""Files that live in memory only (memfd_create(2)): nothing to clean up, whatever happens."""

from __future__ import annotations

import errno
import fcntl
import os
import time

from warmboot.core.closing import Closing
from warmboot.core.errors import ImageError, WarmbootError
from warmboot.core.images import FileView

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
_SEAL_TRIES, _SEAL_PAUSE = 5, 0.005  # seconds


class MemFile(Closing):
    """An anonymous file in memory; `size` is the number of bytes written so far."""

    def __init__(self, name: str) -> None:
        try:
            self.fd = os.memfd_create(name[:200], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError as error:
            raise WarmbootError(
                f"The kernel did not provide a memory file: {error.strerror}",
                hint="Free memory or raise the limit of open files, then try again.",
            ) from error
        self.name = name
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append `data`; raise WarmbootError where memory runs out."""
        rest = memoryview(data)
        while rest:
            try:
                written = os.write(self.fd, rest)
            except OSError as error:
                raise self._full(error) from error
            self.size += written
            rest = rest[written:]

    def _full(self, error: OSError) -> WarmbootError:
        return WarmbootError(
            f"No memory left for {self.name} after {self.size} bytes: {error.strerror}",
            hint="Free memory, then try again. Swap does not count for kexec.",
        )

    def take(self, fd: int, start: int, count: int) -> int:
        """Append up to `count` bytes of the file `fd` from `start` on; return how many they were.

        The kernel copies them, once. Raises ImageError, WarmbootError where memory runs out.
        """
        try:
            taken = os.sendfile(self.fd, fd, start, count)
        except OSError as error:
            if error.errno in (errno.ENOMEM, errno.ENOSPC):
                raise self._full(error) from error
            raise ImageError(
                f"The file cannot be read: {error.strerror}",
                offset=start,
                hint="Its disk or file system may be failing; the kernel log (dmesg) says more.",
            ) from error
        self.size += taken
        return taken

    def seal(self) -> None:
        """Make the content final: no later write, not even our own, can change it.

        While the kernel itself holds a page for a moment it answers EBUSY (mm/memfd.c). Nobody
        else has the descriptor, so after a few tries the file is left without that one seal.
        """
        for _ in range(_SEAL_TRIES):
            if self._add_seals(_SEALS | fcntl.F_SEAL_WRITE):
                return
            time.sleep(_SEAL_PAUSE)
        self._add_seals(_SEALS)

    def _add_seals(self, seals: int) -> bool:
        """Add seals; False where the kernel is busy. Raises WarmbootError."""
        try:
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            raise WarmbootError(
                f"{self.name} cannot be sealed: {error.strerror}",
                hint="Nothing was tried. Free memory, then try again.",
            ) from error
        return True

    def view(self) -> FileView:
        """Return the content as a view."""
        return FileView(self.fd, self.size)

    def close(self) -> None:
        """Give the memory back; calling it again does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def is_sealed(fd: int) -> bool:
    """Whether the file behind `fd` is one that nobody can change any more."""
    try:
        return bool(fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_GROW)
    except OSError:
        return False
