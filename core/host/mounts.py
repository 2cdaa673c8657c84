"""Mounted file systems: the root's device, and those that need a network or a process."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo; see proc(5). `device` is ``MAJOR:MINOR``."""

    device: str
    point: str
    type: str
    source: str

    @property
    def busy(self) -> bool:
        """Whether its data lives across a network or behind a process (FUSE)."""
        fuse = self.type in ("fuse", "fuseblk") or self.type.startswith("fuse.")
        return self.type in _NETWORK or (fuse and self.type not in _LIGHT_FUSE)


def read_mounts(prefix: Path) -> tuple[Mount, ...]:
    """Return what is mounted, in the order of the kernel's list."""
    text = read_text(prefix / "proc/self/mountinfo", LIMIT) or ""
    return tuple(
        Mount(line.device, line.point, line.type, line.source) for line in parse_mountinfo(text)
    )


def root_mount(mounts: Sequence[Mount]) -> Mount | None:
    """Return what holds the files of the root, None where that is not known.

    OSTree's may be an overlay of composefs: its files are on /sysroot (ostree-prepare-root(1)).
    """
    points = {one.point: one for one in mounts}
    root = points.get("/")
    composed = root is not None and (root.type, root.source) == ("overlay", "composefs")
    return points.get("/sysroot", root) if composed else root
