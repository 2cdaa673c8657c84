"""How often the root file system was mounted for writing: whether another system did meanwhile.

ext4 counts it in its superblock, which it writes there and then (ext4_setup_super() in
fs/ext4/super.c); a full check of the file system begins anew (e2fsck(8)).
"""

from __future__ import annotations

from pathlib import Path

from warmboot.core.host.files import read_text
from warmboot.core.mountinfo import LIMIT, parse_mountinfo
from warmboot.core.values import dataclass


@dataclass(frozen=True)
class MountCount:
    """That number of the file system `uuid`; `checked`: when it was last checked (s_lastcheck)."""

    uuid: str
    count: int
    checked: int


def read_mount_count(prefix: Path) -> MountCount | None:
    """Return it of the root file system; None where that is not ext4, or cannot be read."""
    import uuid  # slow to load, with all it takes: a status has no use for it

    from warmboot.core.host.mounts import read_mounts
    from warmboot.core.host.root_features import read_ext4_superblock
    from warmboot.core.host.root_stack import read_root_stack

    raw = read_ext4_superblock(prefix, read_root_stack(prefix, read_mounts(prefix)))
    if raw is None:
        return None
    return MountCount(
        uuid=str(uuid.UUID(bytes=raw[0x68:0x78])),
        count=int.from_bytes(raw[0x34:0x36], "little"),
        checked=int.from_bytes(raw[0x40:0x44], "little"),
    )


def only_this_system(before: MountCount, prefix: Path) -> bool:
    """Whether since `before`, in another boot, no other system mounted the root for writing.

    False also where that is not known.
    """
    now = read_mount_count(prefix)
    if now is None or (now.uuid, now.checked) != (before.uuid, before.checked):
        return False
    lines = parse_mountinfo(read_text(prefix / "proc/self/mountinfo", LIMIT) or "")
    written = any(line.point == "/" and "rw" in line.options for line in lines)
    return now.count == before.count + written
