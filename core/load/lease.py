"""A file held against writers while the kernel reads it: a read lease. Source: fcntl(2).

Whoever opens it for writing, or cuts it off, waits until the lease is given back, for
/proc/sys/fs/lease-break-time (45) seconds at most, and the lease tells of it ever after. Where one
is not to be had, or would prove nothing, a file is copied instead.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # all of signal but its enumerations
import fcntl
import os
from contextlib import suppress

from warmboot.core.closing import Closing
from warmboot.core.debug import debug, failure
from warmboot.core.errors import ImageError
from warmboot.core.host.files import read_text
from warmboot.core.images import ImageFile
from warmboot.core.mountinfo import LIMIT, parse_mountinfo
from warmboot.core.text import lines, printable

#: Where leases keep every writer out: no other machine, process or layer writes to their files.
_TYPES = frozenset(
    ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat", "tmpfs", "ramfs", "rootfs")
)
#: Mount points of the system's own disks. Another one, such as a stick or an image that a user
#: mounted, may answer differently when it is read again.
_POINTS = frozenset(("/", "/boot", "/boot/efi", "/efi", "/usr"))
_OTHERS_WRITE = 0o022
_MOUNT = "mnt_id:"  # of /proc/PID/fdinfo/FD


class Leases(Closing):
    """Files that nobody can change unnoticed until this is closed. None are, unless `allowed`."""

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._files: dict[int, str] = {}
        self._closed = False

    def __contains__(self, fd: int) -> bool:
        """Whether the file was held, be it that the lease was given back since."""
        return fd in self._files

    def hold(self, file: ImageFile) -> bool:
        """Hold a file; False where a lease is not to be had or would prove nothing.

        Pages of a file that somebody else could ever write to may be pinned for a write that is
        still to come (io_uring, direct I/O), of which no lease tells.
        """
        if not self._allowed:
            return False
        status = os.fstat(file.fd)
        others = status.st_uid != os.geteuid() or status.st_mode & _OTHERS_WRITE
        if others or not on_own_disk(file.fd):
            return False
        try:
            # The signal of a broken lease would end the process; SIGURG is ignored by default.
            fcntl.fcntl(file.fd, fcntl.F_SETSIG, _signal.SIGURG)
            fcntl.fcntl(file.fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            failure(f"fcntl({file.fd}, F_SETLEASE, F_RDLCK)", error)
            return False
        debug("%s is held by a lease", file.name)
        self._files[file.fd] = file.name
        return True

    def check(self) -> None:
        """Raise ImageError where somebody wanted to write to a file while it was held."""
        for fd, name in self._files.items():
            if not self._closed and fcntl.fcntl(fd, fcntl.F_GETLEASE) != fcntl.F_RDLCK:
                raise ImageError(
                    f"Something began to write to {printable(name)}",
                    hint="An update may be running. Wait for it, then choose the entry again.",
                )

    def close(self) -> None:
        """Let writers go on; calling it again does nothing."""
        for fd in () if self._closed else self._files:
            with suppress(OSError):  # EAGAIN where the kernel has taken it away
                fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        self._closed = True


def on_own_disk(fd: int) -> bool:
    """Whether an open file is on a local file system of the system itself."""
    told = read_text(f"/proc/self/fdinfo/{fd}") or ""
    number = next((line[len(_MOUNT) :].strip() for line in lines(told) if line[:7] == _MOUNT), "")
    mounts = parse_mountinfo(read_text("/proc/self/mountinfo", LIMIT) or "")
    mount = next((mount for mount in mounts if mount.id == number), None)
    return mount is not None and mount.point in _POINTS and mount.type in _TYPES
