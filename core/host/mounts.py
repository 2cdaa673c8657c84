"""Mounted file systems: the root's device, and those that need a network or a process."""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import read_text
from warmboot.core.mountinfo import LIMIT, parse_mountinfo
from warmboot.core.values import dataclass

_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "afs", "9p", "ncpfs", "coda", "lustre",
     "gfs2", "ocfs2", "orangefs", "beegfs")
)  # fmt: skip
#: FUSE file systems of the desktop and of container managers: nothing is lost with them.
_LIGHT_FUSE = frozenset(("fuse.portal", "fuse.gvfsd-fuse", "fuse.lxcfs"))


@dataclass(frozen=True)
class Mount:
    """One line of /proc/self/mountinfo; see proc(5). `device` is ``MAJOR:MINOR``, `options` are
    those of the file system, with octal escapes in them."""

    device: str
    point: str
    type: str
    source: str
    options: tuple[str, ...] = ()

    def option(self, name: str) -> str | None:
        """Return the value of an option, None without one."""
        start = f"{name}="
        found = (one.removeprefix(start) for one in self.options if one.startswith(start))
        return next(found, None)

    @property
    def busy(self) -> bool:
        """Whether its data lives across a network or behind a process (FUSE)."""
        fuse = self.type in ("fuse", "fuseblk") or self.type.startswith("fuse.")
        return self.type in _NETWORK or (fuse and self.type not in _LIGHT_FUSE)


def read_mounts(prefix: Path) -> tuple[Mount, ...]:
    """Return what is mounted, in the order of the kernel's list."""
    text = read_text(prefix / "proc/self/mountinfo", LIMIT) or ""
    return tuple(
        Mount(line.device, line.point, line.type, line.source, line.super_options)
        for line in parse_mountinfo(text)
    )
