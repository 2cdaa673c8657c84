"""Mounted file systems: the root's device, and those that need a network or a process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from warmboot.core.host.files import read_text

_LIMIT = 4 << 20
_MOUNTS = 20_000
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
    lines = (read_text(prefix / "proc/self/mountinfo", _LIMIT) or "").splitlines()
    return tuple(filter(None, map(_mount, islice(lines, _MOUNTS))))


def _mount(line: str) -> Mount | None:
    before, separator, behind = line.partition(" - ")
    fields, more = before.split(" "), behind.split(" ")
    if not separator or len(fields) < 6 or len(more) < 2:
        return None
    return Mount(fields[2], _unescape(fields[4]), more[0], _unescape(more[1]))


def _unescape(text: str) -> str:
    """Return a field with the octal escapes of blanks and backslashes undone."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), text)
